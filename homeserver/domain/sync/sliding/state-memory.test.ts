import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../../test/support/databases.ts'
import { Heart } from '../../../../test/support/heart.ts'
import { SlidingClient } from '../../../../test/support/sliding-client.ts'
import { syncing } from '../../../../test/support/syncing.ts'
import type { RoomId, UserId } from '../../../core/ids.ts'
import type { StatePattern } from './required-state.ts'

const alice: UserId = '@alice:hs.test'
const bob: UserId = '@bob:hs.test'

forEachDatabase(({ freshUrl }) => {
  test('a client that begins gets the state as it is, whatever others were told of it before', async () => {
    await using heart = await Heart.open(await freshUrl())
    const server = syncing(heart).services.slidingSync
    const roomId: RoomId = await heart.create(alice)
    const required_state: StatePattern[] = [
      ['m.room.topic', ''],
      ['m.room.member', '$LAZY'],
    ]
    const asked = { list: { ranges: [[0, 9]] as const, timeline_limit: 1, required_state } }
    const stateNow = async (): Promise<Record<string, unknown>> => {
      const { rooms } = await new SlidingClient(alice).sync(server, asked)
      const state = rooms[roomId].required_state as { type: string; state_key: string; content: object }[]
      return Object.fromEntries(state.map(({ type, state_key, content }) => [`${type} ${state_key}`, content]))
    }
    const topic = (text: string) => ({ type: 'm.room.topic', stateKey: '', content: { topic: text } })
    const first = await heart.send(roomId, alice, topic('one'))
    expect(await stateNow()).toMatchObject({ 'm.room.topic ': { topic: 'one' } })
    await heart.send(roomId, alice, topic('two'))
    const second = await stateNow()
    expect(second).toMatchObject({ 'm.room.topic ': { topic: 'two' } })
    expect(await stateNow()).toEqual(second)
    const last = await heart.send(roomId, alice, topic('secret'))
    expect(await stateNow()).toMatchObject({ 'm.room.topic ': { topic: 'secret' } })
    for (const redacts of [first, last]) {
      await heart.send(roomId, alice, { type: 'm.room.redaction', content: { redacts }, redacts })
    }
    expect((await stateNow())['m.room.topic ']).toEqual({})
    await heart.member(roomId, bob, 'join')
    await heart.send(roomId, bob, 'hello')
    expect(Object.keys(await stateNow())).toContain(`m.room.member ${bob}`)
    await heart.member(roomId, bob, 'leave')
    expect(await stateNow()).toMatchObject({ [`m.room.member ${bob}`]: { membership: 'leave' } })
  })

  test('a message that is purged is told to nobody any more', async () => {
    await using heart = await Heart.open(await freshUrl())
    const { database, streams } = heart
    const server = syncing(heart).services.slidingSync
    const roomId: RoomId = await heart.create(alice)
    const asked = { list: { ranges: [[0, 9]] as const, timeline_limit: 1, required_state: [] } }
    const toldNow = async (): Promise<unknown> => {
      const { rooms } = await new SlidingClient(alice).sync(server, asked)
      return (rooms[roomId].timeline as { event_id: string }[]).map((event) => event.event_id)
    }
    const before = await heart.send(roomId, alice, 'one')
    const purged = await heart.send(roomId, alice, 'two')
    expect(await toldNow()).toEqual([purged])
    await database.transaction('purge', async (tx) => {
      await tx.run('delete from events where event_id = ?', [purged])
      const news = { events: [], changes: [], memberships: [], redacted: [purged] }
      streams.reserve(tx, 'events', 1, { rooms: [roomId] }, news)
    })
    expect(await toldNow()).toEqual([before])
  })
})
