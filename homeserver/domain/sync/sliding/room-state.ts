/** The state that goes with a timeline: what the client asked for and does not know, as it is at the end of the span. */
import { type StateKey, stateKeyOf } from '../../../core/event.ts'
import type { RoomId, UserId } from '../../../core/ids.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import type { StateChange } from '../../../storage/rooms.ts'
import { StateGroups } from '../../../storage/state-groups.ts'
import { listStateOf } from '../../../storage/sliding-rooms.ts'
import { findStateGroupAt, listCurrentState } from '../../../storage/sync.ts'
import type { LazyMembers } from '../lazy-members.ts'
import type { RoomTails } from '../room-tails.ts'
import type { Timeline } from '../sections/timeline.ts'
import type { Span } from '../span.ts'
import { isLazy, matches, type RoomConfig } from './room-config.ts'
import { fill, rewind, type RoomMember, StateMemory, type StateMemoryParts } from './state-memory.ts'

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

export interface RequiredStatesParts extends StateMemoryParts {
  readonly tails: RoomTails
  readonly lazyMembers: LazyMembers
}

const memberType = 'm.room.member'

export class RequiredStates {
  readonly #parts: RequiredStatesParts
  readonly #memory: StateMemory
  readonly #groups = new StateGroups()

  constructor(parts: RequiredStatesParts) {
    this.#parts = parts
    this.#memory = new StateMemory(parts)
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
    const alike = [...Map.groupBy(tasks, ({ wanted }) => wanted.key).values()]
    const states = await Promise.all(alike.map((some) => this.#stateOf(span, some)))
    return new Map(states.flatMap((some) => [...some]))
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

  /** `tasks` want the same. */
  async #stateOf(span: Span, tasks: readonly StateTask[]): Promise<Map<RoomId, readonly StoredEvent[]>> {
    const types = typesIn(tasks)
    const state = types ? await this.#fromMemory(span, tasks, types) : await this.#fromTables(span, tasks)
    return new Map(tasks.map((task) => [task.roomId, this.#chosen(span, task, state.get(task.roomId) ?? [])]))
  }

  async #fromMemory(
    { upto }: Span,
    tasks: readonly StateTask[],
    types: readonly string[],
  ): Promise<ReadonlyMap<RoomId, readonly StoredEvent[]>> {
    const roomIds = tasks.map(({ roomId }) => roomId)
    const [states, members] = await Promise.all([
      this.#memory.ofTypes(roomIds, types, upto.events),
      this.#memory.ofMembers(membersIn(tasks), upto.events),
    ])
    const byRoom = Map.groupBy(members, ({ roomId }) => roomId)
    return new Map(roomIds.map((roomId) => [roomId, [...(states.get(roomId) ?? []), ...(byRoom.get(roomId) ?? [])]]))
  }

  /** For who wants all members, or whatever there is. */
  async #fromTables({ upto }: Span, tasks: readonly StateTask[]): Promise<ReadonlyMap<RoomId, readonly StoredEvent[]>> {
    const { database } = this.#parts
    const [{ wanted }] = tasks as [StateTask] // groups are not empty
    const roomIds = tasks.map(({ roomId }) => roomId)
    const states = new Map<RoomId, Map<StateKey, StoredEvent>>(roomIds.map((roomId) => [roomId, new Map()]))
    const types = wanted.required.flatMap((required) => (required.types === 'all' ? [] : [...required.types]))
    const allMembers = wanted.required.some(({ members }) => members === 'all')
    const [state, members] = await Promise.all([
      wanted.required.some((required) => required.types === 'all')
        ? listCurrentState(database, roomIds, { members: allMembers ? 'all' : 'none' })
        : listStateOf(database, roomIds, [...new Set([...types, memberType])]),
      this.#memory.ofMembers(membersIn(tasks), upto.events),
    ])
    fill(states, state)
    await rewind(this.#parts, states, upto.events)
    fill(states, members)
    return new Map([...states].map(([roomId, byKey]) => [roomId, [...byKey.values()]]))
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
    const { members, lazyMembers } = this.#parts
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
    const pairs = wanted.map((userId): RoomMember => [roomId, userId])
    return [...(await this.#memory.ofMembers(pairs, span.upto.events))]
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

/** All types that rooms are asked for, members aside; undefined where that is whatever there is, or where all members are. */
function typesIn([task]: readonly StateTask[]): readonly string[] | undefined {
  const types = new Set<string>()
  for (const required of task?.wanted.required ?? []) {
    if (required.types === 'all' || required.members === 'all') return undefined
    for (const type of required.types) types.add(type)
  }
  return [...types].toSorted()
}

/** Members to be read one by one: none of a room that is asked for all of them. */
function membersIn(tasks: readonly StateTask[]): RoomMember[] {
  return tasks.flatMap(({ roomId, wanted, timeline }) => {
    const users = new Set<UserId>()
    for (const { members } of wanted.required) {
      if (members === 'all') return []
      for (const userId of members) users.add(userId)
    }
    if (isLazy(wanted)) for (const userId of namedIn(timeline)) users.add(userId as UserId) // senders and members are users
    return [...users].map((userId): RoomMember => [roomId, userId])
  })
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
