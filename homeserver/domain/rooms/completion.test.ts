/** Rooms that are joined with a part of their state end as those that are joined with all of it. */
import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import { complete, enter, type JoinedRoom, joinOn, thirdServer } from '../../../test/support/partial-join.ts'
import { type Fork, type PeerDraft, PeerRoom } from '../../../test/support/peer-room.ts'
import { SeededRandom } from '../../../test/support/seeded-random.ts'
import { forbidden } from '../../core/errors.ts'
import { referenceIds, type StateKey, stateKeyOf } from '../../core/event.ts'
import type { EventId, UserId } from '../../core/ids.ts'
import type { FinishedEvent } from '../../core/pdu.ts'
import { roomVersions, type RoomVersionId } from '../../core/room-version.ts'
import { signingKeyFromSeed } from '../../core/signing.ts'
import { listReceiptsOf, setReceipts } from '../../storage/receipts.ts'
import { currentState, findRoom, findRoomStats } from '../../storage/rooms.ts'
import { StateGroups } from '../../storage/state-groups.ts'
import type { PolicedEvent } from './hooks.ts'

const alice: UserId = '@alice:hs.test'
const [amy, ben, cat]: readonly [UserId, UserId, UserId] = ['@amy:peer.test', '@ben:peer.test', '@cat:peer.test']
const key = signingKeyFromSeed('peer', Buffer.alloc(32, 3))
const memberPrefix = stateKeyOf('m.room.member', '')

/** A room with a member, one who is banned and one who has left, before alice joins it. */
function roomBefore(version: RoomVersionId, serverName = 'peer.test'): JoinedRoom {
  const room = new PeerRoom(roomVersions[version], { serverName, key })
  for (const userId of [amy, ben, cat]) room.member(userId, 'join')
  room.member(ben, 'ban', { sender: room.creator })
  room.member(cat, 'leave')
  return joinOn(room, alice)
}

/** A room with amy, which cat is an admin of, or was until he left. He cites what he was. */
function roomOfGoneAdmin({ hasGone = true }: { hasGone?: boolean } = {}): {
  made: JoinedRoom
  /** He throws amy out. */
  kick: PeerDraft
} {
  const room = new PeerRoom(roomVersions['11'], { serverName: 'peer.test', key })
  for (const userId of [amy, cat]) room.member(userId, 'join')
  const content = { users: { [room.creator]: 100, [cat]: 100 } }
  room.add({ type: 'm.room.power_levels', sender: room.creator, stateKey: '', content })
  const keys = ['m.room.create\0', 'm.room.power_levels\0', `${memberPrefix}${amy}`, `${memberPrefix}${cat}`] as const
  const also = { auth_events: room.references(keys.flatMap((each) => room.main.state.get(each) ?? [])) }
  const kick = { type: 'm.room.member', sender: cat, stateKey: amy, content: { membership: 'leave' }, also }
  if (hasGone) room.member(cat, 'leave')
  return { made: joinOn(room, alice), kick }
}

/** As domain/federation does, which fetches what an event cites. */
async function receiveWithAuth({ writer }: Heart, room: PeerRoom, event: FinishedEvent) {
  const receipt = await writer.receive(room.roomId, event)
  if (receipt.status !== 'missing-auth') return
  const cited = new Set(receipt.authEvents.flatMap((id) => room.events.get(id) ?? []))
  for (const { pdu } of cited) for (const id of referenceIds(pdu.auth_events)) cited.add(room.events.get(id) ?? event)
  cited.delete(event)
  await writer.storeOutliers(room.roomId, room.version, [...cited])
  expect(await writer.receive(room.roomId, event)).toMatchObject({
    status: expect.stringMatching(/^(accepted|rejected|soft-failed)$/),
  })
}

const idsOf = (state: ReadonlyMap<StateKey, { readonly eventId: EventId }>) =>
  new Map([...state].map(([key, { eventId }]) => [key, eventId] as const).toSorted(([a], [b]) => (a < b ? -1 : 1)))

/** Everything that a room is made of, without the numbers that it has here. */
async function allOf({ database, events, members }: Heart, room: PeerRoom, sent: readonly FinishedEvent[]) {
  const groups = new StateGroups()
  const stored = await events.list(sent.map(({ eventId }) => eventId))
  const rows = await Promise.all(
    sent.map(async ({ eventId }) => {
      const row = stored.get(eventId)?.row
      const state = typeof row?.state_group === 'number' ? await groups.load(database, row.state_group) : new Map()
      const [replaced] = row?.replaces_nid ? (await events.listByNid([row.replaces_nid])).values() : []
      return { status: row?.status, state: idsOf(state), replaced: replaced?.eventId, shown: row?.stream_id !== null }
    }),
  )
  return {
    rows,
    state: idsOf(await currentState(database, room.roomId)),
    tips: (await findRoom(database, room.roomId))?.extremities.map(({ eventId }) => eventId),
    joined: [...(await members.joined(room.roomId)).keys()].toSorted((a, b) => (a < b ? -1 : 1)),
    stats: await findRoomStats(database, room.roomId),
  }
}

/** What members may do and what they may not, in one line or in several: some of it cites a membership that is over. */
function whatHappens(room: PeerRoom, seed: number, isForked: boolean): FinishedEvent[] {
  const random = new SeededRandom(seed)
  const made: [EventId, ...EventId[]] = [room.main.tips[0] ?? '$']
  const users = [room.creator, amy, ben, cat] as const
  const joins = new Map(users.map((id) => [id, joinOf(room, id)]))
  const kinds = ['say', 'topic', 'kick', 'ban', 'join', 'leave', 'say as the rules have it'] as const
  return Array.from({ length: 20 }, (_, n) => {
    const [sender, target] = [random.pick(users), random.pick(users)]
    const levels = room.version.privilegedCreators ? [] : [room.main.state.get('m.room.create\0')]
    const cited = [...levels, room.main.state.get('m.room.power_levels\0'), joins.get(sender), joins.get(target)]
    const also = { auth_events: room.references([...new Set(cited)].flatMap((id) => id ?? [])) }
    const member = (stateKey: UserId, membership: string) => {
      return { type: 'm.room.member', sender, stateKey, content: { membership, n } }
    }
    const drafts = {
      say: { type: 'm.room.message', sender, content: { n }, also },
      topic: { type: 'm.room.topic', sender, stateKey: '', content: { topic: `${n}` }, also },
      kick: { ...member(target, 'leave'), also },
      ban: { ...member(target, 'ban'), also },
      join: member(sender, 'join'),
      leave: { ...member(sender, 'leave'), also },
      'say as the rules have it': { type: 'm.room.message', sender, content: { n } },
    }
    const event = room.make(drafts[random.pick(kinds)])
    made.push(event.eventId)
    const [fork, join] = [random.below(4) === 0, random.below(4) === 0]
    const tips = !isForked || !(fork || join) ? [event.eventId] : [random.pick(made), ...(join ? [event.eventId] : [])]
    room.main.tips = [...new Set(tips)]
    return event
  })
}

function joinOf(room: PeerRoom, userId: UserId): EventId | undefined {
  const isJoin = ({ pdu }: FinishedEvent): boolean => pdu.state_key === userId && pdu.content['membership'] === 'join'
  return [...room.events.values()].find(isJoin)?.eventId
}

forEachDatabase(({ freshUrl }) => {
  test.each([
    ['1', 'line'],
    ['11', 'line'],
    ['12', 'line'],
    ['1', 'graph'],
    ['11', 'graph'],
    ['12', 'graph'],
  ] as const)(
    'a room of version %s, its history a %s, is the same as if all of it had been told',
    async (version, shape) => {
      await using whole = await Heart.open(await freshUrl())
      await using part = await Heart.open(await freshUrl())
      let mistaken = 0
      for (let seed = 1; seed <= 3; seed++) {
        const made = roomBefore(version, `peer${seed}.test`)
        await enter(whole, made, true)
        await enter(part, made)
        const sent = whatHappens(made.room, seed, shape === 'graph')
        for (const event of sent) {
          await whole.writer.receive(made.room.roomId, event)
          await receiveWithAuth(part, made.room, event)
        }
        const wanted = await allOf(whole, made.room, [made.join, ...sent])
        const before = await allOf(part, made.room, [made.join, ...sent])
        mistaken += before.rows.filter(({ status }, index) => status !== wanted.rows[index]?.status).length
        await complete(part, made)
        expect(await allOf(part, made.room, [made.join, ...sent])).toEqual(wanted)
        expect(part.partialRooms.has(made.room.roomId)).toBe(false)
      }
      expect(mistaken).toBeGreaterThan(0) // else nothing would have been mended
    },
  )

  test('what our users did in a partial room stays, also when the server was started again meanwhile', async () => {
    const url = await freshUrl()
    const made = roomBefore('12')
    const { room } = made
    const ours = await (async () => {
      await using heart = await Heart.open(url)
      await enter(heart, made)
      const event = await heart.send(room.roomId, alice, 'hello')
      await heart.send(room.roomId, alice, {
        type: 'm.room.member',
        stateKey: alice,
        content: { membership: 'join', displayname: 'Alice' },
      })
      return event
    })()
    await using heart = await Heart.open(url)
    expect(heart.partialRooms.list().map(({ roomId }) => roomId)).toEqual([room.roomId])
    expect([...(heart.partialRooms.serversOf(room.roomId) ?? [])]).toEqual(['peer.test', thirdServer])
    expect((await findRoomStats(heart.database, room.roomId))?.joined_members).toBe(1)
    const whole = heart.partialRooms.whole(room.roomId)
    await complete(heart, made)
    await whole
    expect([...(await heart.members.joined(room.roomId)).keys()].toSorted()).toEqual([alice, amy, room.creator])
    expect((await findRoomStats(heart.database, room.roomId))?.joined_members).toBe(3)
    expect((await heart.members.joined(room.roomId)).get(alice)?.display_name).toBe('Alice')
    expect((await heart.events.find(ours))?.row).toMatchObject({ status: 0, stream_id: expect.any(Number) })
    const next = await heart.send(room.roomId, alice, 'to all')
    expect((await heart.events.find(next))?.pdu.depth).toBe(made.join.pdu.depth + 3)
  })

  test('a state that contradicts what is known, or does not allow the join, is not taken', async () => {
    await using heart = await Heart.open(await freshUrl())
    const made = roomBefore('12')
    const { room, before, join } = made
    await enter(heart, made)
    const tell = async (fork: Fork) => {
      const told = { stateBefore: [...fork.state.values()], mustAgree: true }
      await heart.writer.complete(room.roomId, new Map([[join.eventId, told]]))
    }
    const other = room.fork(before)
    room.add(
      { type: 'm.room.join_rules', sender: room.creator, stateKey: '', content: { join_rule: 'public', n: 1 } },
      other,
    )
    const banned = room.fork(before)
    room.member(alice, 'ban', { sender: room.creator, on: banned })
    await heart.writer.storeOutliers(room.roomId, room.version, [...room.events.values()])
    await expect(tell(other)).rejects.toThrow('contradicts')
    await expect(tell(banned)).rejects.toThrow('does not allow the join')
    await expect(heart.writer.complete(room.roomId, new Map())).rejects.toThrow('Nobody has told')
    expect(heart.partialRooms.has(room.roomId)).toBe(true)
    await heart.send(room.roomId, alice, 'still here')
    await complete(heart, made)
    expect([...(await heart.members.joined(room.roomId)).keys()].toSorted()).toEqual([alice, amy, room.creator])
  })

  test('what was told of a missing parent meets the other parents again when their state is known', async () => {
    await using heart = await Heart.open(await freshUrl())
    const { made, kick } = roomOfGoneAdmin()
    const { room } = made
    await enter(heart, made)
    await heart.writer.storeOutliers(room.roomId, room.version, [...room.events.values()])
    const [here, missing] = [room.fork(), room.fork()]
    const banned = room.make({ ...kick, content: { membership: 'ban' } })
    here.tips = [banned.eventId]
    const content = { membership: 'join', displayname: 'Amy' }
    const named = room.add({ type: 'm.room.member', sender: amy, stateKey: amy, content }, here)
    expect(await heart.writer.receive(room.roomId, banned)).toMatchObject({ status: 'accepted' })
    expect(await heart.writer.receive(room.roomId, named)).toMatchObject({ status: 'rejected' })
    const name = { type: 'm.room.name', sender: room.creator, stateKey: '', content: { name: 'there' } }
    await heart.writer.storeOutliers(room.roomId, room.version, [room.add(name, missing)])
    const both = { state: missing.state, tips: [...here.tips, ...missing.tips] }
    const event = room.make({ type: 'm.room.message', sender: room.creator }, both)
    const lacking = { status: 'missing', prevEvents: missing.tips }
    expect(await heart.writer.receive(room.roomId, event)).toMatchObject(lacking)
    const told = { stateBefore: [...missing.state.values()] }
    expect(await heart.writer.receive(room.roomId, event, told)).toMatchObject({ status: 'accepted' })
    const stateAt = async (): Promise<ReadonlyMap<StateKey, EventId>> => {
      const { row } = (await heart.events.find(event.eventId)) ?? {}
      return idsOf(await new StateGroups().load(heart.database, Number(row?.state_group)))
    }
    expect([...(await stateAt()).values()]).not.toContain(named.eventId)

    await complete(heart, made)
    expect(await stateAt()).toEqual(
      new Map(
        [...missing.state, [`${memberPrefix}${amy}`, named.eventId] as const].toSorted(([a], [b]) => (a < b ? -1 : 1)),
      ),
    )
    expect(idsOf(await currentState(heart.database, room.roomId))).toEqual(await stateAt())
  })

  test('what was kept back is shown if the room allows it after all, and what it does not is kept back', async () => {
    await using heart = await Heart.open(await freshUrl())
    const { made, kick } = roomOfGoneAdmin()
    const { room, before } = made
    const past = room.fork(before)
    past.tips = [room.say('long ago', { on: past }).eventId]
    past.state.set(`${memberPrefix}${ben}`, room.member(ben, 'join', { on: room.fork(before) }).eventId)
    before.state.set(
      `${memberPrefix}${ben}`,
      room.member(ben, 'ban', { sender: room.creator, on: room.fork(before) }).eventId,
    )
    await enter(heart, made)
    await heart.writer.storeOutliers(room.roomId, room.version, [...room.events.values()])
    const statusOf = async ({ eventId }: FinishedEvent): Promise<unknown> => {
      const { status, stream_id } = (await heart.events.find(eventId))?.row ?? {}
      return { status, isShown: stream_id !== null }
    }
    const here = room.fork()
    await heart.writer.receive(room.roomId, room.make({ ...kick, content: { membership: 'ban' } }))
    const late = room.say('from before the ban', { sender: amy, on: room.fork(here) })
    await heart.writer.receive(room.roomId, late)
    expect(await statusOf(late)).toEqual({ status: 1, isShown: false })
    const evading = room.say('as if never banned', { sender: ben, on: past })
    await heart.writer.receive(room.roomId, evading, { stateBefore: [...past.state.values()] })
    expect(await statusOf(evading)).toEqual({ status: 0, isShown: true })

    await complete(heart, made)
    expect(await statusOf(late)).toEqual({ status: 0, isShown: true })
    expect(await statusOf(evading)).toEqual({ status: 1, isShown: false })
  })

  test('what the policy server of the room refuses stays out of sight', async () => {
    const refused = new Set(['spam', 'delayed'])
    const recommended = async <Event extends PolicedEvent>(event: Event): Promise<Event> => {
      const { body } = event.pdu.content
      if (typeof body === 'string' && refused.has(body)) throw forbidden('No')
      return await Promise.resolve(event)
    }
    await using heart = await Heart.open(await freshUrl(), { policyServers: [{ recommended }] })
    const { room } = roomOfGoneAdmin().made
    room.add({ type: 'm.room.policy', sender: room.creator, stateKey: '', content: { via: 'peer.test' } })
    const made = joinOn(room, alice)
    await enter(heart, made)
    const said = [...refused, 'hello'].map((text) => room.say(text))
    await heart.writer.storeOutliers(room.roomId, room.version, room.stateOf(made.before))
    for (const event of said) await heart.writer.receive(room.roomId, event)
    const statuses = async (): Promise<unknown[]> => {
      const stored = await heart.events.list(said.map(({ eventId }) => eventId))
      return said.map(({ eventId }) => stored.get(eventId)?.row.status)
    }
    expect(await statuses()).toEqual([1, 1, 0])
    refused.delete('delayed')
    await complete(heart, made)
    expect(await statuses()).toEqual([1, 0, 0])
  })

  test('it is told whose membership has changed meanwhile, as far as it was allowed', async () => {
    await using heart = await Heart.open(await freshUrl())
    const made = roomBefore('12')
    const { room } = made
    await enter(heart, made)
    await heart.writer.storeOutliers(room.roomId, room.version, [...room.events.values()])
    for (const event of [room.member(ben, 'join'), room.member(amy, 'leave')])
      await heart.writer.receive(room.roomId, event)
    expect([...(await complete(heart, made))].toSorted()).toEqual([alice, amy])
    expect([...(await complete(heart, made))]).toEqual([]) // it is whole already
  })

  test.each([
    ['wrongly', 'accepted'],
    ['rightly', 'rejected'],
  ] as const)(
    'who leaves after he was kicked, %s, has left by his own word if the members allow it',
    async (way, final) => {
      await using heart = await Heart.open(await freshUrl())
      const { made, kick } = roomOfGoneAdmin({ hasGone: way === 'wrongly' })
      const { room } = made
      await enter(heart, made)
      await heart.writer.storeOutliers(room.roomId, room.version, [...room.events.values()])
      const receive = async (event: FinishedEvent) => (await heart.writer.receive(room.roomId, event)).status
      const leave = (on: Fork): FinishedEvent => room.member(amy, 'leave', { on: room.fork(on) })

      const here = room.fork()
      const kicked = room.make(kick)
      here.tips = [kicked.eventId]
      expect(await receive(kicked)).toBe('accepted')
      expect(await receive(room.say('as if in the room', { sender: amy, on: room.fork(here) }))).toBe('rejected')
      const ours = await heart.send(room.roomId, alice, 'meanwhile')
      const [first, second] = [leave(here), leave(here)]
      expect(await receive(first)).toBe('accepted')
      expect(await receive(second)).toBe('soft-failed')
      const after = { ...here, tips: [first.eventId] }
      expect(await receive(leave(after))).toBe('rejected')
      expect(await receive(room.say('as if in the room', { sender: amy, on: after }))).toBe('rejected')

      expect(await complete(heart, made)).toContain(amy)
      expect((await heart.events.find(first.eventId))?.row.status).toBe(final === 'accepted' ? 0 : 2)
      const counts = final === 'accepted' ? first : kicked
      expect((await currentState(heart.database, room.roomId)).get(`${memberPrefix}${amy}`)).toMatchObject({
        eventId: counts.eventId,
      })
      expect((await heart.events.find(ours))?.row.status).toBe(0)
    },
  )

  test('of people who never were in the room no receipts stay', async () => {
    await using heart = await Heart.open(await freshUrl())
    const made = roomBefore('11')
    const { roomId } = made.room
    await enter(heart, made)
    const { database, streams } = heart
    const stranger: UserId = '@stranger:peer.test'
    await database.transaction('receipts', async (tx) => {
      const first = streams.reserve(tx, 'receipts', 2, { rooms: [roomId] })
      const said = { room_id: roomId, receipt_type: 'm.read', thread_id: '', event_id: made.join.eventId } as const
      const at = { event_stream: 1, ts: 1 }
      const users = [stranger, amy]
      await setReceipts(
        tx,
        users.map((user_id, index) => ({ ...said, ...at, user_id, stream_id: first + index })),
      )
    })
    await complete(heart, made)
    const left = await listReceiptsOf(database, roomId, [stranger, amy])
    expect(left.map(({ user_id }) => user_id)).toEqual([amy])
  })

  test('who was banned, or kicked by a member who is known, cannot leave by his own word', async () => {
    await using heart = await Heart.open(await freshUrl())
    const { made, kick } = roomOfGoneAdmin({ hasGone: false })
    const { room } = made
    await enter(heart, made)
    await heart.writer.storeOutliers(room.roomId, room.version, [...room.events.values()])
    const receive = async (event: FinishedEvent) => (await heart.writer.receive(room.roomId, event)).status
    const banned = room.make({ ...kick, content: { membership: 'ban' } })
    expect(await receive(banned)).toBe('accepted')
    expect(await receive(room.member(amy, 'leave', { on: { ...room.fork(), tips: [banned.eventId] } }))).toBe(
      'rejected',
    )

    const here = room.fork()
    expect(await receive(room.member(cat, 'join', { on: here }))).toBe('accepted') // with another name, say
    const kicked = room.make(kick, here)
    expect(await receive(kicked)).toBe('accepted')
    expect(await receive(room.member(amy, 'leave', { on: { ...here, tips: [kicked.eventId] } }))).toBe('rejected')
  })
})
