/**
 * Whether the tables about rooms say the same thing. What is written together with an event is worked out once more from
 * the events alone, and every difference is told.
 */
import { isDeepStrictEqual } from 'node:util'
import { parseJson } from '../../homeserver/core/canonical-json.ts'
import { referenceIds, type StateKey, stateKeyOf } from '../../homeserver/core/event.ts'
import { contentHash, identify } from '../../homeserver/core/hash.ts'
import type { EventId, RoomId } from '../../homeserver/core/ids.ts'
import { findRoomVersion } from '../../homeserver/core/room-version.ts'
import { emptyStats } from '../../homeserver/domain/rooms/head.ts'
import { relationOf } from '../../homeserver/domain/rooms/relation.ts'
import { statsAfter } from '../../homeserver/domain/rooms/stats.ts'
import type { Conn } from '../../homeserver/storage/database.ts'
import { eventColumns, type EventRow, eventStatus, StoredEvent } from '../../homeserver/storage/events.ts'
import type { Extremity } from '../../homeserver/storage/rooms.ts'
import { StateGroups } from '../../homeserver/storage/state-groups.ts'

/** One sentence for each thing that does not agree. Reads everything, so it is for databases of tests. */
export async function checkConsistency(conn: Conn): Promise<string[]> {
  const rows = await conn.rows<EventRow>(`select ${eventColumns('e')} from events e order by e.stream_id, e.nid`)
  const events = new Map(rows.map((row) => [row.event_id, new StoredEvent(row)]))
  const rooms = await conn.rows<Room>('select room_id, version, extremities, state_group from rooms')
  const known = new Map(rooms.map((room) => [room.room_id, room]))
  const problems: string[] = []
  const checker: Checker = {
    conn,
    events,
    tell: (what) => void problems.push(what),
    ofRoom: Map.groupBy(events.values(), ({ roomId }) => roomId),
    byNid: new Map([...events.values()].map((event) => [event.row.nid, event])),
    purged: new Set(
      (await conn.rows<{ room_id: RoomId }>('select room_id from history_purges')).map((row) => row.room_id),
    ),
  }
  for (const roomId of checker.ofRoom.keys())
    if (!known.has(roomId)) checker.tell(`${roomId} has events and is no room`)
  for (const event of events.values()) checkEvent(checker, event, known.get(event.roomId))
  for (const room of rooms) {
    checkExtremities(checker, room)
    await checkState(checker, room)
    await checkMemberships(checker, room)
    await checkStats(checker, room)
  }
  await checkRelations(checker)
  await checkReferences(checker)
  return problems
}

interface Room {
  readonly room_id: RoomId
  readonly version: string
  readonly extremities: string
  readonly state_group: number | null
}

interface Checker {
  readonly conn: Conn
  readonly tell: (what: string) => void
  readonly events: ReadonlyMap<EventId, StoredEvent>
  readonly byNid: ReadonlyMap<number, StoredEvent>
  readonly ofRoom: ReadonlyMap<RoomId, readonly StoredEvent[]>
  /** Rooms of which an administrator has deleted what was said: only state and the last events are sure to be there. */
  readonly purged: ReadonlySet<RoomId>
}

const isAccepted = ({ row }: StoredEvent): boolean => row.status === eventStatus.accepted && row.stream_id !== null

/** The columns say what the JSON says, the id is the hash, and what the event builds on is there. */
function checkEvent({ tell, events, purged }: Checker, event: StoredEvent, room: Room | undefined): void {
  const { row, pdu } = event
  const version = room && findRoomVersion(room.version)
  if (!version) return
  const { eventId, roomId } = identify(pdu, version)
  if (eventId !== row.event_id) tell(`${row.event_id} hashes to ${eventId}`)
  const isWhole = row.redacted_by === null && row.status === eventStatus.accepted
  if (isWhole && contentHash(pdu, version) !== pdu.hashes?.['sha256'])
    tell(`${row.event_id} has the hash of another content`)
  const columns = [row.room_id, row.type, row.state_key, row.sender, row.depth, row.origin_server_ts]
  const said = [roomId, pdu.type, pdu.state_key ?? null, pdu.sender, pdu.depth, pdu.origin_server_ts]
  if (!isDeepStrictEqual(columns, said)) tell(`${eventId} has columns of another event`)
  if (!isDeepStrictEqual(parseJson(event.contentText), pdu.content)) tell(`${eventId} has another text as content`)
  const parents = purged.has(row.room_id) ? [] : pdu.prev_events
  for (const id of referenceIds([...parents, ...pdu.auth_events])) {
    if (events.get(id)?.roomId !== row.room_id) tell(`${eventId} builds on ${id}, which is not in its room`)
  }
  if (isAccepted(event) && row.state_group === null) tell(`${eventId} has no state`)
  checkRedaction({ tell, events, purged }, event)
}

function checkRedaction(
  { tell, events, purged }: Pick<Checker, 'tell' | 'events' | 'purged'>,
  { row, pdu }: StoredEvent,
): void {
  if (row.redacted_by !== null) {
    const isThere = purged.has(row.room_id) || events.get(row.redacted_by)?.roomId === row.room_id
    if (!isThere) tell(`${row.event_id} was redacted by an event not here`)
    if (row.push !== null && row.push !== '{}') tell(`${row.event_id} was redacted and notifies`)
  }
  if (pdu.type !== 'm.room.redaction' || row.redacted_by !== null || row.status !== eventStatus.accepted) return
  const target = events.get((pdu.content['redacts'] ?? pdu.redacts) as EventId) // where it is none, nothing is found
  if (target?.roomId === row.room_id && target.row.redacted_by === null) tell(`${row.event_id} redacted nothing`)
}

/** The ends of the graph are those events that no other has as parent. */
function checkExtremities(
  { tell, ofRoom, purged }: Checker,
  { room_id: roomId, extremities, state_group: group }: Room,
): void {
  const events = (ofRoom.get(roomId) ?? []).filter(isAccepted)
  const parents = new Set(events.flatMap(({ pdu }) => referenceIds(pdu.prev_events)))
  const told = JSON.parse(extremities) as Extremity[]
  // What built on state that was kept may be gone.
  const isKept = ({ eventId, row }: StoredEvent): boolean =>
    purged.has(roomId) && row.state_key !== null && told.every((end) => end.eventId !== eventId)
  const ends = events.filter((event) => !parents.has(event.eventId) && !isKept(event))
  const depths = (list: readonly (readonly [EventId, number])[]): unknown => new Map(list)
  const expected = depths(ends.map(({ eventId, row }) => [eventId, row.depth]))
  if (told.length === 0) tell(`${roomId} has no extremities`)
  if (!isDeepStrictEqual(depths(told.map(({ eventId, depth }) => [eventId, depth])), expected)) {
    tell(`${roomId} has extremities ${extremities}, and its events end in ${ends.map(({ eventId }) => eventId).join()}`)
  }
  const [end] = ends
  if (ends.length === 1 && end && end.row.state_group !== group) tell(`${roomId} has another state than its last event`)
}

/** Current state, log of changes and state groups give the same state. */
async function checkState(
  { conn, tell, byNid }: Checker,
  { room_id: roomId, state_group: group }: Room,
): Promise<void> {
  const rows = await conn.rows<{ type: string; state_key: string; event_nid: number }>(
    'select type, state_key, event_nid from room_state where room_id = ?',
    [roomId],
  )
  const current = new Map(rows.map((row) => [stateKeyOf(row.type, row.state_key), row.event_nid]))
  for (const { type, state_key, event_nid: nid } of rows) {
    const event = byNid.get(nid)?.row
    if (event?.room_id !== roomId || event.type !== type || event.state_key !== state_key || event.status !== 0) {
      tell(`${roomId} has ${event?.event_id} as its ${type} of '${state_key}'`)
    }
  }
  if (group === null) return tell(`${roomId} has no state group`)
  const resolved = await new StateGroups().load(conn, group)
  const grouped = new Map([...resolved].map(([key, { nid }]) => [key, nid]))
  if (!isDeepStrictEqual(sorted(grouped), sorted(current))) tell(`${roomId} has another state than its group ${group}`)
  const replayed = await replayChanges(conn, roomId, tell)
  if (!isDeepStrictEqual(sorted(replayed), sorted(current))) tell(`${roomId} has another state than its changes make`)
}

async function replayChanges(conn: Conn, roomId: RoomId, tell: Checker['tell']): Promise<Map<StateKey, number>> {
  const changes = await conn.rows<{
    type: string
    state_key: string
    event_nid: number | null
    prev_nid: number | null
    stream_id: number
  }>('select type, state_key, event_nid, prev_nid, stream_id from state_changes where room_id = ? order by stream_id', [
    roomId,
  ])
  const state = new Map<StateKey, number>()
  for (const { type, state_key: stateKey, event_nid: nid, prev_nid: before, stream_id: at } of changes) {
    const key = stateKeyOf(type, stateKey)
    if ((state.get(key) ?? null) !== before) tell(`${roomId} has a change at ${at} that replaces something else`)
    if (nid === null) state.delete(key)
    else state.set(key, nid)
  }
  return state
}

const sorted = (state: ReadonlyMap<StateKey, number>): unknown => [...state].toSorted(([a], [b]) => (a < b ? -1 : 1))

async function checkMemberships({ conn, tell, byNid }: Checker, { room_id: roomId }: Room): Promise<void> {
  const rows = await conn.rows<{ user_id: string; event_nid: number; event_id: string; membership: string }>(
    'select user_id, event_nid, event_id, membership from memberships where room_id = ?',
    [roomId],
  )
  const state = await conn.rows<{ state_key: string; event_nid: number }>(
    `select state_key, event_nid from room_state where room_id = ? and type = 'm.room.member'`,
    [roomId],
  )
  const members = new Map(rows.map((row) => [row.user_id, row]))
  if (members.size !== state.length) tell(`${roomId} has ${members.size} memberships and ${state.length} in its state`)
  for (const { state_key: userId, event_nid: nid } of state) {
    const [row, event] = [members.get(userId), byNid.get(nid)]
    if (
      row?.event_nid !== nid ||
      row.event_id !== event?.eventId ||
      row.membership !== event.pdu.content['membership']
    ) {
      tell(`${roomId} has another membership of ${userId} than its state says`)
    }
  }
}

async function checkStats({ conn, tell, byNid }: Checker, { room_id: roomId }: Room): Promise<void> {
  const state = await conn.rows<{ event_nid: number }>('select event_nid from room_state where room_id = ?', [roomId])
  const events = state.flatMap(({ event_nid: nid }) => byNid.get(nid) ?? [])
  let stats = emptyStats(roomId)
  for (const { row, pdu } of events) {
    const change = { type: row.type, stateKey: row.state_key ?? '', content: pdu.content, before: undefined }
    stats = statsAfter(stats, change)
  }
  const stored = await conn.row<Record<string, string | number | null>>('select * from room_stats where room_id = ?', [
    roomId,
  ])
  for (const [name, value] of Object.entries(stats)) {
    if (stored?.[name] !== value) tell(`${roomId} has ${name} ${stored?.[name]}, and its state says ${value}`)
  }
}

/** Every event that says it relates to another has its row, unless redacted; no row is of anything else. */
async function checkRelations({ conn, tell, events, byNid }: Checker): Promise<void> {
  const rows = await conn.rows<{ event_nid: number; target_id: string; rel_type: string; stream_id: number }>(
    'select event_nid, target_id, rel_type, stream_id from relations',
  )
  const related = new Map(rows.map((row) => [row.event_nid, row]))
  for (const nid of related.keys()) if (!byNid.has(nid)) tell(`A relation is of event ${nid}, which is missing`)
  for (const { row, pdu, eventId } of [...events.values()].filter(isAccepted)) {
    const [found, said] = [related.get(row.nid), relationOf(pdu.content)]
    const same = found?.target_id === said?.targetId && found?.rel_type === said?.relType
    if (!same || (found && found.stream_id !== row.stream_id)) tell(`${eventId} relates to something else`)
    if (said?.relType === 'm.thread' && row.thread_root !== said.targetId) tell(`${eventId} is in no thread`)
  }
}

/** Tables whose rows must not outlive, or come before, what they are about. */
const references = [
  ['room_aliases', 'room_id', 'rooms', 'room_id'],
  ['published_rooms', 'room_id', 'rooms', 'room_id'],
  ['receipts', 'event_id', 'events', 'event_id'],
  ['state_changes', 'event_nid', 'events', 'nid'],
  ['events', 'state_group', 'state_groups', 'id'],
  ['rooms', 'state_group', 'state_groups', 'id'],
  ['access_tokens', 'user_id', 'accounts', 'user_id'],
  ['devices', 'user_id', 'accounts', 'user_id'],
  ['one_time_keys', 'user_id', 'accounts', 'user_id'],
] as const

async function checkReferences({ conn, tell }: Checker): Promise<void> {
  for (const [table, column, target, key] of references) {
    const row = await conn.row<{ n: number }>(
      `select count(*) as n from ${table} t
        where t.${column} is not null and not exists (select 1 from ${target} o where o.${key} = t.${column})
          ${table === 'receipts' ? 'and t.room_id not in (select room_id from history_purges)' : ''}`,
    )
    if (row && row.n > 0) tell(`${row.n} rows of ${table} name a row of ${target} that is missing`)
  }
}
