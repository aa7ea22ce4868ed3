import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import { PeerRoom } from '../../../test/support/peer-room.ts'
import { maxDepth, stateKeyOf } from '../../core/event.ts'
import type { UserId } from '../../core/ids.ts'
import type { FinishedEvent } from '../../core/pdu.ts'
import { roomVersions, type RoomVersionId } from '../../core/room-version.ts'
import { signingKeyFromSeed } from '../../core/signing.ts'
import { currentState, findRoom, findRoomStats } from '../../storage/rooms.ts'

const alice: UserId = '@alice:hs.test'
const mallory: UserId = '@mallory:peer.test'
const signer = { serverName: 'peer.test', key: signingKeyFromSeed('peer', Buffer.alloc(32, 3)) }

/** A room of another server that alice has joined. */
async function entered(heart: Heart, version: RoomVersionId = '12', prepare: (room: PeerRoom) => void = () => {}) {
  const room = new PeerRoom(roomVersions[version], signer)
  prepare(room)
  const before = room.fork()
  const event = room.member(alice, 'join')
  await heart.writer.storeOutliers(
    room.roomId,
    room.version,
    [...room.events.values()].filter((each) => each !== event),
  )
  await heart.writer.adopt({ roomId: room.roomId, version: room.version, event, state: [...before.state.values()] })
  const receive = async (...events: readonly FinishedEvent[]) => {
    const statuses: string[] = []
    for (const each of events) statuses.push((await heart.writer.receive(room.roomId, each)).status)
    return statuses
  }
  return { room, receive, join: event }
}

async function stateIds(heart: Heart, room: PeerRoom) {
  const state = await currentState(heart.database, room.roomId)
  return new Map([...state].map(([key, { eventId }]) => [key, eventId]))
}

const topicKey = stateKeyOf('m.room.topic', '')

forEachDatabase(({ freshUrl }) => {
  test.each(['1', '2', '6', '11', '12'] as const)('a room of version %s is entered and followed', async (version) => {
    await using heart = await Heart.open(await freshUrl())
    const { room, receive } = await entered(heart, version)
    expect(await stateIds(heart, room)).toEqual(room.main.state)
    expect(await receive(room.say('hello'), room.topic('news'), room.say('more'))).toEqual(Array(3).fill('accepted'))
    expect(await stateIds(heart, room)).toEqual(room.main.state)
    expect([...(await heart.members.joined(room.roomId)).keys()].toSorted()).toEqual([alice, room.creator])
    const stats = await findRoomStats(heart.database, room.roomId)
    expect(stats).toMatchObject({ topic: 'news', joined_members: 2, join_rule: 'public' })
    const ours = await heart.send(room.roomId, alice, 'from here')
    const sent = await heart.events.find(ours)
    expect(sent?.pdu.prev_events).toEqual(room.references(room.main.tips))
  })

  test('T03: in a room that has come to the greatest depth, by a lie of another server, people still talk', async () => {
    await using heart = await Heart.open(await freshUrl())
    const { room, receive } = await entered(heart)
    const deep = { type: 'm.room.message', sender: room.creator, also: { depth: maxDepth } }
    expect(await receive(room.add(deep))).toEqual(['accepted'])
    const ours = await heart.events.find(await heart.send(room.roomId, alice, 'still here'))
    expect(ours?.pdu.depth).toBe(maxDepth)
  })

  test('T35: what no rule allows is rejected, and never built upon', async () => {
    await using heart = await Heart.open(await freshUrl())
    const { room, receive } = await entered(heart)
    const fork = room.fork()
    const bad = room.topic('by a stranger', { sender: mallory, on: fork })
    expect(await receive(bad)).toEqual(['rejected'])
    expect(await receive(bad)).toEqual(['rejected'])
    expect((await stateIds(heart, room)).has(topicKey)).toBe(false)
    expect((await findRoom(heart.database, room.roomId))?.extremities.map(({ eventId }) => eventId)).toEqual(
      room.main.tips,
    )
    const after = room.say('after it', { on: fork })
    expect(await receive(after)).toEqual(['accepted'])
  })

  test('an event that cites a rejected one is rejected', async () => {
    await using heart = await Heart.open(await freshUrl())
    const { room, receive } = await entered(heart, '11')
    const fork = room.fork()
    const levels = {
      type: 'm.room.power_levels',
      sender: mallory,
      stateKey: '',
      content: { users: { [mallory]: 100 } },
    }
    expect(await receive(room.add(levels, fork))).toEqual(['rejected'])
    expect(await receive(room.make({ ...levels, content: {} }, { ...fork, tips: room.main.tips }))).toEqual([
      'rejected',
    ])
  })

  test('T38: what the state before allows and the current state does not is kept back, and its children are not', async () => {
    await using heart = await Heart.open(await freshUrl())
    const { room, receive } = await entered(heart, '12', (made) => made.member(mallory, 'join'))
    const old = room.fork()
    expect(await receive(room.member(mallory, 'ban', { sender: room.creator }))).toEqual(['accepted'])
    const late = room.say('spam', { sender: mallory, on: old })
    expect(await receive(late)).toEqual(['soft-failed'])
    const stored = await heart.events.find(late.eventId)
    expect(stored?.row).toMatchObject({ status: 1, stream_id: null })
    const tips = async () => (await findRoom(heart.database, room.roomId))?.extremities.map(({ eventId }) => eventId)
    expect(await tips()).toEqual(room.main.tips)
    room.main.tips = [...room.main.tips, late.eventId]
    const after = room.say('after both')
    expect(await receive(after)).toEqual(['accepted'])
    expect(await tips()).toEqual([after.eventId])
  })

  test('state is sent while an event of another server moves the head of a room that is not in memory', async () => {
    const url = await freshUrl()
    const room = await (async () => {
      await using heart = await Heart.open(url)
      const { room: made, receive } = await entered(heart, '12', (bare) => {
        const { creator: sender } = bare
        bare.add({ type: 'm.room.power_levels', sender, stateKey: '', content: { state_default: 0 } })
      })
      for (let n = 0; n < 9; n++) expect(await receive(made.topic(`${n}`))).toEqual(['accepted'])
      return made
    })()
    for (let n = 0; n < 9; n++) {
      await using heart = await Heart.open(url)
      const draft = { type: 'test.state', stateKey: `${n}` }
      const [status, ...sent] = await Promise.all([
        heart.writer.receive(room.roomId, room.topic(`again ${n}`)),
        ...Array.from({ length: 8 }, (_, at) => heart.send(room.roomId, alice, { ...draft, content: { at } })),
      ])
      expect([status.status, sent.length]).toEqual(['accepted', 8])
    }
  })

  test('a fork is resolved, and joined again by the next event', async () => {
    await using heart = await Heart.open(await freshUrl())
    const { room, receive } = await entered(heart)
    const fork = room.fork()
    const [one, two] = [room.topic('one'), room.topic('two', { on: fork })]
    expect(await receive(one, two)).toEqual(['accepted', 'accepted'])
    // The later one by time wins among equals.
    expect((await stateIds(heart, room)).get(topicKey)).toBe(two.eventId)
    expect((await findRoomStats(heart.database, room.roomId))?.topic).toBe('two')
    const ours = await heart.send(room.roomId, alice, 'joins them')
    const merged = await heart.events.find(ours)
    expect(new Set(merged?.pdu.prev_events)).toEqual(new Set([one.eventId, two.eventId]))
    expect((await findRoom(heart.database, room.roomId))?.extremities.map(({ eventId }) => eventId)).toEqual([ours])
  })

  test('a fork in any order of coming ends in the same state (P10)', async () => {
    const ends: unknown[] = []
    for (const order of [0, 1, 2]) {
      await using heart = await Heart.open(await freshUrl())
      const { room, receive } = await entered(heart, '12', (made) => made.member(mallory, 'join'))
      const [left, right] = [room.fork(), room.fork()]
      const ban = room.member(mallory, 'ban', { sender: room.creator, on: left })
      const a = [ban, room.topic('a', { on: left }), room.say('a', { on: left })]
      const b = [room.say('b', { on: right }), room.topic('b', { on: right }), room.say('b2', { on: right })]
      const mixed = a.flatMap((event, at) => [event, b[at] ?? event])
      await receive(...(order === 0 ? [...a, ...b] : order === 1 ? [...b, ...a] : mixed))
      const state = await stateIds(heart, room)
      const tips = (await findRoom(heart.database, room.roomId))?.extremities.map(({ eventId }) => eventId)
      ends.push({ state, tips: new Set(tips) })
      expect(state.get(stateKeyOf('m.room.member', mallory))).toBe(ban.eventId)
    }
    expect(ends[1]).toEqual(ends[0])
    expect(ends[2]).toEqual(ends[0])
  })

  test('an event whose parents are missing is told so, and comes in with a told state', async () => {
    await using heart = await Heart.open(await freshUrl())
    const { room } = await entered(heart)
    const missed = room.topic('missed')
    const before = room.fork()
    const after = room.say('after the gap')
    expect(await heart.writer.receive(room.roomId, after)).toEqual({ status: 'missing', prevEvents: [missed.eventId] })
    await heart.writer.storeOutliers(room.roomId, room.version, [missed])
    const told = { stateBefore: [...before.state.values()] }
    expect(await heart.writer.receive(room.roomId, after, told)).toEqual({ status: 'accepted' })
    expect((await stateIds(heart, room)).get(topicKey)).toBe(missed.eventId)
    const gaps = await heart.database.rows('select event_id, child_id from backward_extremities where child_id = ?', [
      after.eventId,
    ])
    expect(gaps).toEqual([{ event_id: missed.eventId, child_id: after.eventId }])
    await heart.writer.backfill(room.roomId, [missed])
    expect(await heart.events.find(missed.eventId)).toMatchObject({ row: { stream_id: -1, status: 0 } })
    expect(await heart.database.rows('select * from backward_extremities where child_id = ?', [after.eventId])).toEqual(
      [],
    )
  })

  test.each(['2', '11'] as const)(
    'redactions are applied before and after what they redact in version %s',
    async (version) => {
      await using heart = await Heart.open(await freshUrl())
      const { room, receive } = await entered(heart, version, (made) => made.member(mallory, 'join'))
      const [first, second] = [room.say('first'), room.say('second')]
      const redactSecond = room.make({ type: 'm.room.redaction', sender: room.creator, redacts: second.eventId })
      const aside = { ...room.fork(), tips: first.pdu.prev_events.map((id) => (typeof id === 'string' ? id : id[0])) }
      const early = room.make({ type: 'm.room.redaction', sender: room.creator, redacts: first.eventId }, aside)
      expect(await receive(early, first, second, redactSecond)).toEqual(Array(4).fill('accepted'))
      expect((await heart.events.find(first.eventId))?.row.redacted_by).toBe(early.eventId)
      expect((await heart.events.find(first.eventId))?.pdu.content).toEqual({})
      expect((await heart.events.find(second.eventId))?.row.redacted_by).toBe(redactSecond.eventId)
    },
  )

  test('many events at once come in their order', async () => {
    await using heart = await Heart.open(await freshUrl())
    const { room } = await entered(heart)
    const events = Array.from({ length: 60 }, (_, at) => (at % 5 === 0 ? room.topic(`${at}`) : room.say(`${at}`)))
    const receipts = await Promise.all(events.map((event) => heart.writer.receive(room.roomId, event)))
    expect(receipts.every(({ status }) => status === 'accepted')).toBe(true)
    expect(await stateIds(heart, room)).toEqual(room.main.state)
  })

  test('what our users send meanwhile gets in the way of nothing', async () => {
    await using heart = await Heart.open(await freshUrl())
    const { room } = await entered(heart)
    const theirs = Array.from({ length: 20 }, (_, at) => room.topic(`${at}`))
    const ours = Array.from({ length: 20 }, () => heart.send(room.roomId, alice, 'ours'))
    const receipts = await Promise.all(theirs.map((event) => heart.writer.receive(room.roomId, event)))
    await Promise.all(ours)
    expect(receipts.every(({ status }) => status === 'accepted')).toBe(true)
    expect((await stateIds(heart, room)).get(topicKey)).toBe(theirs.at(-1)?.eventId)
    const last = await heart.send(room.roomId, alice, 'the end')
    expect((await findRoom(heart.database, room.roomId))?.extremities.map(({ eventId }) => eventId)).toEqual([last])
  })

  test('an invitation to a room elsewhere is there with what was told of the room', async () => {
    await using heart = await Heart.open(await freshUrl())
    const room = new PeerRoom(roomVersions['12'], signer)
    const event = room.member(alice, 'invite', { sender: room.creator })
    const strippedState = [{ type: 'm.room.name', sender: room.creator, state_key: '', content: { name: 'Elsewhere' } }]
    const sent = await heart.writer.setOutOfBand({ roomId: room.roomId, version: room.version, event, strippedState })
    expect(sent.streamId).toBeGreaterThan(0)
    expect(await heart.members.find(room.roomId, alice)).toMatchObject({ membership: 'invite', sender: room.creator })
    const join = room.member(alice, 'join')
    const state = room.fork()
    state.state.set(stateKeyOf('m.room.member', alice), event.eventId)
    const others = [...room.events.values()].filter((each) => each !== join)
    await heart.writer.storeOutliers(room.roomId, room.version, others)
    await heart.writer.adopt({
      roomId: room.roomId,
      version: room.version,
      event: join,
      state: [...state.state.values()],
    })
    expect(await heart.members.isJoined(room.roomId, alice)).toBe(true)
  })
})
