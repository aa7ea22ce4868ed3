/**
 * The state of rooms as of a place in the events stream, in memory for the rooms at work: clients begin anew far more often
 * than what they show of a room changes.
 */
import { type StateKey, stateKeyOf } from '../../../core/event.ts'
import type { RoomId, UserId } from '../../../core/ids.ts'
import type { Bell, Bus } from '../../../platform/bus.ts'
import { Lru } from '../../../platform/lru.ts'
import type { Database } from '../../../storage/database.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import { listStateChangesAfter, listStateOf } from '../../../storage/sliding-rooms.ts'
import { listMemberEvents } from '../../../storage/sync.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { Members } from '../../rooms/members.ts'
import { newsOf } from '../../rooms/news.ts'
import type { Notifier } from '../notifier.ts'

export interface StateMemoryParts {
  readonly database: Database
  readonly bus: Bus
  readonly events: EventCache
  readonly members: Members
  readonly notifier: Notifier
}

export type RoomMember = readonly [RoomId, UserId]
type StateByKey = Map<StateKey, StoredEvent>
/** By the types that were asked for. */
type Known = Map<string, readonly StoredEvent[]>

const memberType = 'm.room.member'
const MAX_BYTES = 32 * 1024 * 1024
/** Of a room for which nothing is kept. */
const ROOM_BYTES = 500

export class StateMemory {
  readonly #parts: StateMemoryParts
  readonly #rooms = new Lru<RoomId, Known>(MAX_BYTES, weightOf)

  constructor(parts: StateMemoryParts) {
    this.#parts = parts
    parts.bus.subscribe((bell) => this.#heard(bell))
  }

  /** State of some types in each of the rooms, members aside. */
  async ofTypes(
    roomIds: readonly RoomId[],
    types: readonly string[],
    upto: number,
  ): Promise<ReadonlyMap<RoomId, readonly StoredEvent[]>> {
    const name = types.join('\n')
    const found = new Map<RoomId, readonly StoredEvent[]>()
    const states = new Map<RoomId, StateByKey>()
    for (const roomId of roomIds) {
      const known = this.#isSettled(roomId, upto) ? this.#rooms.get(roomId)?.get(name) : undefined
      if (known) found.set(roomId, known)
      else states.set(roomId, new Map())
    }
    if (states.size === 0) return found
    fill(states, await listStateOf(this.#parts.database, [...states.keys()], types))
    await rewind(this.#parts, states, upto)
    for (const [roomId, state] of states) {
      const events = [...state.values()].filter(({ row }) => types.includes(row.type))
      found.set(roomId, events)
      if (this.#isSettled(roomId, upto)) this.#rooms.set(roomId, new Map(this.#rooms.get(roomId)).set(name, events))
    }
    return found
  }

  /** The member events of users in rooms. Who never had to do with a room has none there. */
  async ofMembers(wanted: readonly RoomMember[], upto: number): Promise<readonly StoredEvent[]> {
    const { database, events, members } = this.#parts
    const unknown: RoomMember[] = []
    const known = wanted.flatMap(([roomId, userId]) => {
      const row = members.peekRooms(userId)?.get(roomId) ?? members.peekJoined(roomId)?.get(userId)
      // Only who is joined is so by the event that is the state.
      if (row?.membership === 'join' && row.stream_id <= upto && this.#isSettled(roomId, upto)) return row.event_id
      unknown.push([roomId, userId])
      return []
    })
    const [fromMemory, fromTables] = await Promise.all([
      events.list(known),
      unknown.length === 0 ? [] : listMemberEvents(database, unknown),
    ])
    if (unknown.length === 0) return [...fromMemory.values()]
    const states = new Map<RoomId, StateByKey>(unknown.map(([roomId]) => [roomId, new Map()]))
    fill(states, fromTables)
    await rewind(this.#parts, states, upto)
    const others = unknown.flatMap(([roomId, userId]) => states.get(roomId)?.get(stateKeyOf(memberType, userId)) ?? [])
    return [...fromMemory.values(), ...others]
  }

  /** Whether the room is as it was at this place, as far as the streams have told. */
  #isSettled(roomId: RoomId, upto: number): boolean {
    return !this.#parts.notifier.roomChanged('events', roomId, upto)
  }

  #heard(bell: Bell): void {
    if (bell.stream !== 'events') return
    const news = newsOf(bell)
    if (!news || news.redacted.length > 0) {
      for (const roomId of bell.keys.rooms ?? []) this.#rooms.delete(roomId as RoomId) // keys of this stream are ids
    }
    for (const { roomId, type } of news?.changes ?? []) if (type !== memberType) this.#rooms.delete(roomId)
  }
}

/** State that came after `upto` goes back to what it was: the log of changes tells, whatever made it so. */
export async function rewind(
  { database, events }: { readonly database: Database; readonly events: EventCache },
  states: ReadonlyMap<RoomId, StateByKey>,
  upto: number,
): Promise<void> {
  const later = await listStateChangesAfter(database, [...states.keys()], upto)
  if (later.length === 0) return
  const before = await events.listByNid(later.flatMap(({ prevNid }) => prevNid ?? []))
  // Of several changes of a key the first one tells what it was.
  for (const { roomId, type, stateKey, prevNid } of later.toReversed()) {
    const event = prevNid === undefined ? undefined : before.get(prevNid)
    if (event) states.get(roomId)?.set(stateKeyOf(type, stateKey), event)
    else states.get(roomId)?.delete(stateKeyOf(type, stateKey))
  }
}

/** Puts state events into the states of their rooms. */
export function fill(states: ReadonlyMap<RoomId, StateByKey>, events: readonly StoredEvent[]): void {
  for (const event of events) {
    states.get(event.roomId)?.set(stateKeyOf(event.row.type, event.row.state_key ?? ''), event)
  }
}

function weightOf(known: Known): number {
  let weight = ROOM_BYTES
  for (const events of known.values()) for (const event of events) weight += event.weight
  return weight
}
