/**
 * Makes a room whole that was joined with a part of its state: everything that was judged by that part is judged again,
 * in order, and gets its place in new states. Groups never change, so the old ones stay what they are.
 */
import { forbidden, MatrixError } from '../../core/errors.ts'
import { referenceIds } from '../../core/event.ts'
import { type EventId, isUserId, type UserId } from '../../core/ids.ts'
import type { Database, Tx } from '../../storage/database.ts'
import { eventStatus, type EventStatus, placeEvents, StoredEvent } from '../../storage/events.ts'
import { insertRelations } from '../../storage/relations.ts'
import { setMemberships } from '../../storage/memberships.ts'
import {
  completePartialRoom,
  listPartialEvents,
  listPartialJoins,
  withdrawEvents,
} from '../../storage/partial-rooms.ts'
import { removeReceiptsOfStrangers } from '../../storage/receipts.ts'
import { applyStateChanges, setRooms, setRoomStats } from '../../storage/rooms.ts'
import {
  findGroupBefore,
  insertStateGroups,
  type StateGroup,
  type StateGroups,
  type StateMap,
} from '../../storage/state-groups.ts'
import type { Streams } from '../../storage/streams.ts'
import { type HeadChange, membershipAfter, stateChangeOf } from './arrival.ts'
import { buildArrival } from './build-arrival.ts'
import { relationRow } from './event-rows.ts'
import type { EventCache } from './event-cache.ts'
import type { RoomHead } from './head.ts'
import { headChanges, statsAfterChanges } from './head-move.ts'
import { judge, type Judgement } from './judge.ts'
import type { EventNews } from './news.ts'
import type { PartialRooms } from './partial-rooms.ts'
import type { Recommendations } from './recommendations.ts'
import type { RemoteEvent, ToldState } from './remote-event.ts'
import { ReplayedHead } from './replayed-head.ts'
import type { StateForks } from './state-forks.ts'
import type { StateReader } from './state-reader.ts'
import { toldState } from './told-state.ts'

export interface CompletionParts {
  readonly database: Database
  readonly streams: Streams
  readonly events: EventCache
  readonly groups: StateGroups
  readonly reader: StateReader
  readonly forks: StateForks
  readonly partialRooms: PartialRooms
  readonly recommendations: Recommendations
  readonly nextNid: () => number
}

/** Events that a policy server is asked about while the room waits. */
const MAX_ASKED = 20

type Told = ReadonlyMap<EventId, ToldState>

/** An event as it was judged again. */
interface Rejudged {
  readonly before: StoredEvent
  readonly stateGroup: number | undefined
  readonly replacesNid: number | undefined
  readonly newGroup: StateGroup | undefined
  readonly status: EventStatus
}

/** What is known of the place of an event. */
interface Known {
  readonly isJoin: boolean
  /** The state before a join, as it is told now. */
  readonly told: ToldState | undefined
  /** The state that was told when it came. */
  readonly toldGroup: number | undefined
}

interface Completion {
  readonly rejudged: readonly Rejudged[]
  readonly groups: readonly StateGroup[]
  readonly changes: readonly HeadChange[]
}

/**
 * Whose membership the events were about that have come since the join and are allowed. The caller has the room for
 * himself: nothing of it waits to be committed, and nobody sends. The head is of no use afterwards.
 */
export async function completeRoom(parts: CompletionParts, head: RoomHead, told: Told): Promise<ReadonlySet<UserId>> {
  const { database, reader, forks } = parts
  const { roomId, version } = head
  const joins = new Set((await listPartialJoins(database, roomId)).map(({ event }) => event.eventId))
  const rejudged: Rejudged[] = []
  const noted = await listPartialEvents(database, roomId)
  const toldGroups = new Map(noted.map(({ event, toldGroup }) => [event.eventId, toldGroup]))
  const replayed = new ReplayedHead(parts, head)
  const isRecommended = recommendedAgain(parts.recommendations, head)
  for (const event of parentsFirst(noted.map(({ event }) => event))) {
    const { eventId } = event
    const isJoin = joins.has(eventId)
    const known = { isJoin, told: told.get(eventId), toldGroup: toldGroups.get(eventId) }
    const { remote, judged } = await judgedAgain(parts, head, event, known)
    const status = await statusOf(judged, async () => {
      if (isJoin) return true
      return (await replayed.check(remote, judged)).allowed && (await isRecommended(event, remote))
    })
    if (isJoin && status !== eventStatus.accepted) throw forbidden('The state of the room does not allow the join')
    const arrival = { status, changes: [], missingParents: [] }
    // Those that follow find it as it is judged now.
    head.uncommitted.set(eventId, buildArrival(parts.events, version, remote, judged, arrival))
    if (status === eventStatus.accepted) await replayed.add(remote, judged)
    const { stateGroup, replacesNid, newGroup } = judged
    rejudged.push({ before: event, stateGroup, replacesNid, newGroup, status })
  }
  const { extremities, stateGroup } = replayed.tips
  const changes = await headChanges(reader, head, await reader.whole(stateGroup))
  head.extremities = extremities
  head.stateGroup = stateGroup
  head.stats = statsAfterChanges(head.stats, changes)
  const groups = [...forks.take(roomId), ...rejudged.flatMap(({ newGroup }) => newGroup ?? [])]
  await database.transaction('complete a room', (tx) => write(parts, tx, head, { rejudged, groups, changes }))
  return movedBy(rejudged)
}

async function statusOf({ verdict }: Judgement, isShown: () => Promise<boolean>): Promise<EventStatus> {
  if (!verdict.allowed) return eventStatus.rejected
  return (await isShown()) ? eventStatus.accepted : eventStatus.softFailed
}

/** The policy server of the room has seen what was accepted; it is asked about some of the others. */
function recommendedAgain(
  recommendations: Recommendations,
  head: RoomHead,
): (before: StoredEvent, event: RemoteEvent) => Promise<boolean> {
  let asked = 0
  return async ({ row }, event) => {
    if (row.status === eventStatus.accepted || !recommendations.mayConcern(head)) return true
    if (++asked > MAX_ASKED) return false
    try {
      await recommendations.of(head, event)
      return true
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
      return false
    }
  }
}

function movedBy(rejudged: readonly Rejudged[]): Set<UserId> {
  const accepted = rejudged.filter(({ status }) => status === eventStatus.accepted).map(({ before }) => before.pdu)
  return new Set(
    accepted.flatMap(({ type, state_key: user }) => (type === 'm.room.member' && isUserId(user) ? user : [])),
  )
}

async function judgedAgain(
  parts: CompletionParts,
  head: RoomHead,
  event: StoredEvent,
  { isJoin, told, toldGroup }: Known,
): Promise<{ readonly remote: RemoteEvent; readonly judged: Judgement }> {
  const { reader, forks } = parts
  const { roomId, version } = head
  const parents = referenceIds(event.pdu.prev_events)
  const known = await reader.list(head, [event.eventId, ...parents])
  const own = known.get(event.eventId)
  const groups = parents.flatMap((id) => known.get(id)?.stateGroup ?? [])
  // Where parents are missing and nobody tells now, somebody told when the event came.
  const isTold = groups.length < parents.length && toldGroup !== undefined
  if (isTold) groups.push(toldGroup)
  const isConnected = isTold || groups.length === parents.length
  if (isJoin && !isConnected && !told) throw forbidden('Nobody has told the state before the join')
  const groupBefore = isConnected
    ? await forks.merge({ roomId, version, head }, groups)
    : told
      ? await forks.groupOf(roomId, await wholeState(parts, head, event, told), undefined)
      : await groupBeforeOf(parts.database, event)
  const remote = { eventId: event.eventId, roomId, pdu: event.pdu, json: event.row.json }
  return { remote, judged: await judge(parts, { head, version, own }, remote, groupBefore) }
}

/** The state before a join as it is told now, against that part of it which let us in. */
async function wholeState(
  { reader, database }: CompletionParts,
  head: RoomHead,
  event: StoredEvent,
  told: ToldState,
): Promise<StateMap> {
  const whole = await toldState(reader, head, head.roomId, told)
  const part = await groupBeforeOf(database, event)
  if (told.mustAgree !== true || part === undefined) return whole
  for (const [key, { eventId }] of await reader.whole(part)) {
    if (whole.get(key)?.eventId !== eventId) throw forbidden('The state contradicts the part of it that is known')
  }
  return whole
}

/** The state before an event that is stored: its group, or if it changed the state, the one before that. */
async function groupBeforeOf(database: Database, { row }: StoredEvent): Promise<number | undefined> {
  if (row.state_group === null) return undefined
  if (row.state_key === null || row.status === eventStatus.rejected) return row.state_group
  return await findGroupBefore(database, row.state_group)
}

async function write(
  { streams, events: cache, partialRooms }: CompletionParts,
  tx: Tx,
  head: RoomHead,
  { rejudged, groups, changes }: Completion,
): Promise<void> {
  const { roomId } = head
  const isNew = ({ before, status }: Rejudged): boolean =>
    status === eventStatus.accepted && before.row.stream_id === null
  const isGone = ({ before, status }: Rejudged): boolean =>
    status !== eventStatus.accepted && before.row.stream_id !== null
  const count = rejudged.filter(isNew).length + 1
  let stored: StoredEvent[] = []
  tx.onCommit(() => {
    for (const event of stored) cache.put(event)
    partialRooms.complete(roomId, place)
  })
  const news: { [Part in keyof EventNews]: EventNews[Part][number][] } = {
    events: [],
    changes: [],
    memberships: [],
    redacted: [],
  }
  const users = changes.flatMap(({ key }) => (key.startsWith(memberPrefix) ? [key.slice(memberPrefix.length)] : []))
  // A bell without news: whoever holds events in memory that are gone reads again.
  if (rejudged.some(isGone)) streams.reserve(tx, 'events', 1, { rooms: [roomId] })
  let next = streams.reserve(tx, 'events', count, { rooms: [roomId], users }, news satisfies EventNews)
  const place = next + count - 1
  stored = rejudged.map((event) => {
    const { before, stateGroup, replacesNid, status } = event
    const streamId = isNew(event) ? next++ : status === eventStatus.accepted ? before.row.stream_id : null
    const placed = { stream_id: streamId, state_group: stateGroup ?? null, replaces_nid: replacesNid ?? null, status }
    return new StoredEvent({ ...before.row, ...placed }, before.pdu)
  })
  const added = stored.filter((_, index) => rejudged[index] !== undefined && isNew(rejudged[index]))
  news.events.push(...added)
  for (const change of changes) {
    const event = change.now ?? change.before
    if (!event) continue
    news.changes.push(stateChangeOf(change, event, place))
    const membership = membershipAfter(change, place)
    if (membership) news.memberships.push(membership)
  }
  await insertStateGroups(tx, groups)
  await placeEvents(
    tx,
    stored.map(({ row }) => row),
  )
  await insertRelations(
    tx,
    added.flatMap((event) => relationRow(event) ?? []),
  )
  await withdrawEvents(
    tx,
    rejudged.filter(isGone).map(({ before }) => before),
  )
  await applyStateChanges(tx, news.changes)
  await setMemberships(tx, news.memberships)
  await setRooms(tx, [head.toRow()])
  await setRoomStats(tx, [head.stats])
  await completePartialRoom(tx, roomId, place)
  await streams.remember(tx, 'receipts')
  await removeReceiptsOfStrangers(tx, roomId)
  await streams.remember(tx, 'events') // no event has the last of these places
}

const memberPrefix = 'm.room.member\0'

/** In the order of the room's history, as far as it is among them. */
function parentsFirst(events: readonly StoredEvent[]): StoredEvent[] {
  const waiting = new Map(events.map((event) => [event.eventId, event]))
  const ordered = new Set<StoredEvent>()
  const stack = events.toReversed()
  for (let event = stack.at(-1); event; event = stack.at(-1)) {
    const isFirst = waiting.delete(event.eventId)
    const before = isFirst ? referenceIds(event.pdu.prev_events).flatMap((id) => waiting.get(id) ?? []) : []
    if (before.length > 0) stack.push(...before)
    else {
      stack.pop()
      ordered.add(event)
    }
  }
  return [...ordered]
}
