/** The state that goes with a timeline: what the client asked for and does not know, as it is at the end of the span. */
import { type StateKey, stateKeyOf } from '../../../core/event.ts'
import type { RoomId, UserId } from '../../../core/ids.ts'
import type { Database } from '../../../storage/database.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import type { StateChange } from '../../../storage/rooms.ts'
import { StateGroups } from '../../../storage/state-groups.ts'
import { listStateChangesAfter, listStateOf } from '../../../storage/sliding-rooms.ts'
import { findStateGroupAt, listCurrentState, listMemberEvents } from '../../../storage/sync.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { Members } from '../../rooms/members.ts'
import type { LazyMembers } from '../lazy-members.ts'
import type { RoomTails } from '../room-tails.ts'
import type { Timeline } from '../sections/timeline.ts'
import type { Span } from '../span.ts'
import { isLazy, matches, type RoomConfig } from './room-config.ts'

/** State to be told of a room: events, and keys that are gone. */
export interface ToldState {
  readonly events: readonly StoredEvent[]
  readonly gone: readonly (readonly [type: string, stateKey: string])[]
}

/** A room whose state is read whole, as far as `wanted` asks for it. */
export interface StateTask {
  readonly roomId: RoomId
  readonly wanted: RoomConfig
  /** What the client has: it is left out. */
  readonly known: RoomConfig | undefined
  readonly timeline: Timeline
}

export interface RequiredStatesParts {
  readonly database: Database
  readonly events: EventCache
  readonly members: Members
  readonly tails: RoomTails
  readonly lazyMembers: LazyMembers
}

const memberType = 'm.room.member'

export class RequiredStates {
  readonly #parts: RequiredStatesParts
  readonly #groups = new StateGroups()

  constructor(parts: RequiredStatesParts) {
    this.#parts = parts
  }

  /** What changed of a room's state, for a client that knows it at the beginning of the changes. */
  async changed(
    span: Span,
    { roomId, wanted, timeline }: Omit<StateTask, 'known'>,
    changes: readonly StateChange[],
  ): Promise<ToldState> {
    const lazy = isLazy(wanted)
    const last = new Map<StateKey, StateChange>()
    for (const change of changes) {
      const { type, stateKey } = change
      // Without a gap the client can keep its list of members.
      const asked = matches(wanted, type, stateKey) || (lazy && !timeline.limited && type === memberType)
      if (asked) last.set(stateKeyOf(type, stateKey), change)
    }
    const gone = [...last.values()].filter(({ nid }) => nid === undefined)
    const told = await this.#byNid(
      roomId,
      [...last.values()].flatMap(({ nid }) => nid ?? []),
      timeline,
    )
    const events = lazy ? [...told, ...(await this.#lazyMembers(span, roomId, timeline, told))] : told
    return { events, gone: gone.map(({ type, stateKey }) => [type, stateKey]) }
  }

  /** The state of rooms that are new to the client, or of which it asks for more than before. */
  async whole(span: Span, tasks: readonly StateTask[]): Promise<ReadonlyMap<RoomId, readonly StoredEvent[]>> {
    if (tasks.length === 0) return new Map()
    const current = new Map<RoomId, Map<StateKey, StoredEvent>>(tasks.map(({ roomId }) => [roomId, new Map()]))
    for (const event of await this.#current(tasks)) {
      current.get(event.roomId)?.set(stateKeyOf(event.row.type, event.row.state_key ?? ''), event)
    }
    await this.#rewind(current, span.upto.events)
    return new Map(
      tasks.map((task) => [task.roomId, this.#chosen(span, task, [...(current.get(task.roomId)?.values() ?? [])])]),
    )
  }

  /** The state of a room as it was when the user's time in it ended. */
  async former(wanted: RoomConfig, roomId: RoomId, end: number): Promise<readonly StoredEvent[]> {
    const { database, events } = this.#parts
    const group = await findStateGroupAt(database, roomId, end)
    if (group === undefined) return []
    const entries = await this.#groups.load(database, group)
    const state = await events.list([...entries.values()].map(({ eventId }) => eventId))
    return [...state.values()].filter(({ row }) => matches(wanted, row.type, row.state_key ?? ''))
  }

  async #current(tasks: readonly StateTask[]): Promise<StoredEvent[]> {
    const { database } = this.#parts
    const reads = [...Map.groupBy(tasks, ({ wanted }) => wanted.key).values()].map(async (alike) => {
      const [{ wanted }] = alike as [StateTask] // groups are not empty
      const roomIds = alike.map(({ roomId }) => roomId)
      const all = wanted.required.some(({ types }) => types === 'all')
      const allMembers = wanted.required.some(({ members }) => members === 'all')
      if (all) return await listCurrentState(database, roomIds, { members: allMembers ? 'all' : 'none' })
      const types = wanted.required.flatMap(({ types: some }) => (some === 'all' ? [] : [...some]))
      if (allMembers) types.push(memberType)
      return await listStateOf(database, roomIds, [...new Set(types)])
    })
    const pairs = tasks.flatMap((task) => [...wantedMembers(task)].map((userId) => [task.roomId, userId] as const))
    return (await Promise.all([...reads, listMemberEvents(database, pairs)])).flat()
  }

  /** State that came after the span goes back to what it was: the log of changes tells, whatever made it so. */
  async #rewind(rooms: Map<RoomId, Map<StateKey, StoredEvent>>, upto: number): Promise<void> {
    const { database, events } = this.#parts
    const later = await listStateChangesAfter(database, [...rooms.keys()], upto)
    if (later.length === 0) return
    const before = await events.listByNid(later.flatMap(({ prevNid }) => prevNid ?? []))
    // Of several changes of a key the first one tells what it was.
    for (const { roomId, type, stateKey, prevNid } of later.toReversed()) {
      const event = prevNid === undefined ? undefined : before.get(prevNid)
      if (event) rooms.get(roomId)?.set(stateKeyOf(type, stateKey), event)
      else rooms.get(roomId)?.delete(stateKeyOf(type, stateKey))
    }
  }

  #chosen(span: Span, { roomId, wanted, known, timeline }: StateTask, state: readonly StoredEvent[]): StoredEvent[] {
    const named = isLazy(wanted) ? namedIn(timeline) : undefined
    return state.filter(({ row }) => {
      const stateKey = row.state_key ?? ''
      const asked = matches(wanted, row.type, stateKey)
      if (asked && !(known && matches(known, row.type, stateKey))) {
        if (row.type === memberType && named) this.#parts.lazyMembers.knows(span, roomId, stateKey, row.nid)
        return true
      }
      if (asked || row.type !== memberType || !named?.has(stateKey)) return false
      return !this.#parts.lazyMembers.knows(span, roomId, stateKey, row.nid) || !known
    })
  }

  /** Of those whom the timeline names, what the client has not been told yet. */
  async #lazyMembers(
    span: Span,
    roomId: RoomId,
    timeline: Timeline,
    told: readonly StoredEvent[],
  ): Promise<StoredEvent[]> {
    const { members, lazyMembers, database } = this.#parts
    const already = new Set(told.filter(({ row }) => row.type === memberType).map(({ row }) => row.state_key))
    for (const { row } of told) {
      if (row.type === memberType) lazyMembers.knows(span, roomId, row.state_key, row.nid)
    }
    const joined = members.peekJoined(roomId) ?? (await members.joined(roomId))
    const wanted = ([...namedIn(timeline)] as UserId[]).filter((userId) => {
      const nid = joined.get(userId)?.event_nid
      return !already.has(userId) && (nid === undefined || !lazyMembers.knows(span, roomId, userId, nid))
    })
    if (wanted.length === 0) return []
    const events = await listMemberEvents(
      database,
      wanted.map((userId) => [roomId, userId] as const),
    )
    const state = new Map(events.map((event) => [stateKeyOf(memberType, event.row.state_key ?? ''), event]))
    await this.#rewind(new Map([[roomId, state]]), span.upto.events)
    return [...state.values()].filter(({ row }) => row.type === memberType && wanted.includes(row.state_key as UserId))
  }

  async #byNid(roomId: RoomId, nids: readonly number[], timeline: Timeline): Promise<StoredEvent[]> {
    const { tails, events } = this.#parts
    const found: StoredEvent[] = []
    const missing: number[] = []
    for (const nid of nids) {
      const event = timeline.events.find(({ row }) => row.nid === nid) ?? tails.find(roomId, nid)
      if (event) found.push(event)
      else missing.push(nid)
    }
    if (missing.length > 0) found.push(...(await events.listByNid(missing)).values())
    return found
  }
}

/** Members to be read one by one. */
function wantedMembers({ wanted, timeline }: StateTask): ReadonlySet<UserId> {
  const users = new Set<UserId>()
  for (const { members } of wanted.required) {
    if (members === 'all') return new Set()
    for (const userId of members) users.add(userId)
  }
  if (isLazy(wanted)) for (const userId of namedIn(timeline)) users.add(userId as UserId) // senders and members are users
  return users
}

/** Those who sent something in the timeline, and whose membership changed there. */
function namedIn({ events }: Timeline): ReadonlySet<string> {
  const named = new Set<string>()
  for (const { row } of events) {
    named.add(row.sender)
    if (row.type === memberType && row.state_key !== null) named.add(row.state_key)
  }
  return named
}
