import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import { Visibility } from './visibility.ts'

const alice = '@alice:hs.test'
const bob = '@bob:hs.test'

/** What each kind of reader sees of messages sent at each stage of bob's way through a room. */
const expected: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  world_readable: {
    stranger: ['before', 'invited', 'joined', 'left', 'again'],
    member: ['before', 'invited', 'joined', 'left', 'again'],
    former: ['before', 'invited', 'joined', 'left', 'again'],
  },
  shared: {
    stranger: [],
    member: ['before', 'invited', 'joined', 'left', 'again'],
    former: ['before', 'invited', 'joined'],
  },
  invited: { stranger: [], member: ['invited', 'joined', 'again'], former: ['invited', 'joined'] },
  joined: { stranger: [], member: ['joined', 'again'], former: ['joined'] },
}

forEachDatabase(({ freshUrl }) => {
  test('history is seen as its visibility and the membership at each event say', async () => {
    await using heart = await Heart.open(await freshUrl())
    const visibility = new Visibility(heart)
    for (const [history, readers] of Object.entries(expected)) {
      const sees = async (roomId: RoomId, userId: UserId, sent: readonly EventId[]): Promise<unknown[]> => {
        const events = [...(await heart.events.list(sent)).values()]
        const seen = await visibility.visibleTo(userId, roomId, events)
        return seen.map(({ pdu }) => pdu.content['body'])
      }
      const roomId = await heart.create(alice, {
        state: [['m.room.history_visibility', { history_visibility: history }]],
      })
      const sent = [await heart.send(roomId, alice, 'before')]
      await heart.member(roomId, bob, 'invite', alice)
      sent.push(await heart.send(roomId, alice, 'invited'))
      await heart.member(roomId, bob, 'join')
      sent.push(await heart.send(roomId, alice, 'joined'))
      await heart.member(roomId, bob, 'leave', alice)
      sent.push(await heart.send(roomId, alice, 'left'))
      // What is sent after he left again is never his to see but in a world readable room.
      expect([history, await sees(roomId, bob, sent)]).toEqual([
        history,
        readers['former']?.filter((stage) => stage !== 'again'),
      ])
      expect(await sees(roomId, '@stranger:hs.test', sent)).toEqual(readers['stranger']?.filter((s) => s !== 'again'))
      await heart.member(roomId, bob, 'join')
      sent.push(await heart.send(roomId, alice, 'again'))
      expect([history, await sees(roomId, bob, sent)]).toEqual([history, readers['member']])
    }
  })

  test('a change of visibility holds for what comes after it', async () => {
    await using heart = await Heart.open(await freshUrl())
    const visibility = new Visibility(heart)
    const roomId = await heart.create(alice)
    const become = (value: string): Promise<EventId> =>
      heart.send(roomId, alice, {
        type: 'm.room.history_visibility',
        stateKey: '',
        content: { history_visibility: value },
      })
    const sent = [await heart.send(roomId, alice, 'open')]
    await heart.member(roomId, bob, 'join')
    const all = async (): Promise<string[]> => {
      const events = [...(await heart.events.list(sent)).values()]
      return (await visibility.visibleTo(bob, roomId, events)).map(({ eventId }) => eventId)
    }
    expect(await all()).toEqual(sent)
    await heart.member(roomId, bob, 'leave')
    sent.push(await become('joined'))
    const hidden = await heart.send(roomId, alice, 'hidden')
    sent.push(hidden, await become('shared'))
    await heart.member(roomId, bob, 'join')
    expect(await all()).toEqual(sent.filter((id) => id !== hidden))
  })

  test('messages of ignored users are not seen, their state is', async () => {
    await using heart = await Heart.open(await freshUrl())
    const { database, bus, events: cache, members } = heart
    const ignored = { of: () => Promise.resolve(new Set([bob])) }
    const visibility = new Visibility({ database, bus, events: cache, members, ignored })
    const roomId = await heart.create(alice)
    const joined = await heart.member(roomId, bob, 'join')
    const message = await heart.send(roomId, bob)
    const events = [...(await heart.events.list([joined, message])).values()]
    expect((await visibility.visibleTo(alice, roomId, events)).map(({ eventId }) => eventId)).toEqual([joined])
  })

  test('members read a room, those who left read up to there, others only what the world may read', async () => {
    await using heart = await Heart.open(await freshUrl())
    const visibility = new Visibility(heart)
    const roomId = await heart.create(alice)
    await expect(visibility.requireReader(bob, roomId)).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' })
    await heart.member(roomId, bob, 'invite', alice)
    await expect(visibility.requireReader(bob, roomId)).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' })
    await heart.member(roomId, bob, 'join')
    expect(await visibility.requireReader(bob, roomId)).toEqual({ kind: 'member', upto: undefined })
    await heart.member(roomId, bob, 'ban', alice)
    const end = heart.streams.position('events')
    await heart.send(roomId, alice)
    expect(await visibility.requireReader(bob, roomId)).toEqual({ kind: 'former', upto: end })
    await expect(visibility.requireWitness(bob, roomId)).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' })
    const content = { history_visibility: 'world_readable' }
    await heart.send(roomId, alice, { type: 'm.room.history_visibility', stateKey: '', content })
    expect(await visibility.requireReader('@stranger:hs.test', roomId)).toEqual({ kind: 'peeker', upto: undefined })
  })
})
