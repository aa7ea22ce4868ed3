/**
 * The latest events and state changes of active rooms, in memory as they come over the bus: whoever follows a room reads
 * no table.
 */
import type { EventId, RoomId } from '../../core/ids.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import { Lru } from '../../platform/lru.ts'
import type { Database } from '../../storage/database.ts'
import { eventStatus, type StoredEvent } from '../../storage/events.ts'
import type { StateChange } from '../../storage/rooms.ts'
import { listRoomEvents, listStateChanges } from '../../storage/sync.ts'
import { newsOf } from '../rooms/news.ts'
import { relationOf } from '../rooms/relation.ts'

export interface Range {
  readonly after: number
  readonly upto: number
}

/** All events that came after `floor`, and all changes after `changesFloor`. */
interface Tail {
  floor: number
  changesFloor: number
  weight: number
  events: StoredEvent[]
  changes: StateChange[]
  /** What the events relate to. */
  targets: Set<EventId>
}

const MAX_BYTES = 24 * 1024 * 1024
const MAX_EVENTS = 100

export class RoomTails {
  readonly #database: Database
  readonly #tails = new Lru<RoomId, Tail>(MAX_BYTES, (tail) => tail.weight)

  constructor({ database, bus }: { database: Database; bus: Bus }) {
    this.#database = database
    bus.subscribe((bell) => this.#heard(bell))
  }

  /** The newest `limit` accepted events in the range, the oldest of them first. */
  async events(roomId: RoomId, { after, upto }: Range, limit: number): Promise<readonly StoredEvent[]> {
    const tail = this.#tails.get(roomId)
    if (tail) {
      const known = tail.events.filter(({ row }) => isIn(row.stream_id ?? 0, after, upto))
      if (tail.floor <= after || known.length >= limit) return known.slice(-limit)
    }
    return await listRoomEvents(this.#database, roomId, { after, upto, limit })
  }

  /** The newest `limit` accepted events at or below `upto`, or all of a room that began here, if they are in memory. */
  page(roomId: RoomId, upto: number, limit: number): readonly StoredEvent[] | undefined {
    const tail = this.#tails.get(roomId)
    const known = tail?.events.filter(({ row }) => isIn(row.stream_id ?? 0, 0, upto)) ?? []
    return known.length >= limit || known[0]?.row.type === 'm.room.create' ? known.slice(-limit) : undefined
  }

  /** Takes in the newest `limit` accepted events of a room, as they were read: nothing must have come to it since. */
  fill(roomId: RoomId, page: readonly StoredEvent[], limit: number): void {
    const [first] = page
    const last = page.at(-1)?.row.stream_id ?? 0
    const isWhole = page.length === limit || first?.row.type === 'm.room.create'
    const floor = (first?.row.stream_id ?? 0) - 1
    const known = this.#tails.get(roomId)
    if (!isWhole || floor < 0 || page.length > MAX_EVENTS || (known && known.floor <= floor)) return
    const tail = known ?? emptyTail(last)
    const older = page.filter(({ row }) => (row.stream_id ?? 0) <= tail.floor)
    tail.floor = floor
    tail.events.unshift(...older)
    for (const event of older) tail.weight += event.weight
    for (const target of targetsOf(older)) tail.targets.add(target)
    this.#tails.set(roomId, tail)
  }

  /** What became of the room's state in the range, in order. */
  async changes(roomId: RoomId, { after, upto }: Range): Promise<readonly StateChange[]> {
    const tail = this.#tails.get(roomId)
    if (tail && tail.changesFloor <= after) return tail.changes.filter(({ streamId }) => isIn(streamId, after, upto))
    return await listStateChanges(this.#database, roomId, after, upto)
  }

  /** An event of the tail. */
  find(roomId: RoomId, nid: number): StoredEvent | undefined {
    return this.#tails.get(roomId)?.events.find(({ row }) => row.nid === nid)
  }

  /** False only if no event relates to this one. */
  mayHaveRelations({ roomId, eventId, row }: StoredEvent): boolean {
    const tail = this.#tails.get(roomId)
    return !tail || (row.stream_id ?? 0) <= tail.floor || tail.targets.has(eventId)
  }

  #heard(bell: Bell): void {
    if (bell.stream !== 'events') return
    const news = newsOf(bell)
    if (!news) {
      for (const roomId of bell.keys.rooms ?? []) this.#tails.delete(roomId as RoomId) // keys of this stream are ids
      return
    }
    const grown = new Map<RoomId, Tail>()
    for (const event of news.events) grown.set(event.roomId, this.#append(event))
    for (const change of news.changes) this.#tailOf(change.roomId, change.streamId).changes.push(change)
    for (const [roomId, tail] of grown) this.#tails.set(roomId, trimmed(tail))
    if (news.redacted.length === 0) return
    const redacted = new Set(news.redacted)
    for (const roomId of (bell.keys.rooms ?? []) as RoomId[]) {
      if (this.#tails.get(roomId)?.events.some(({ eventId }) => redacted.has(eventId))) this.#tails.delete(roomId)
    }
  }

  #append(event: StoredEvent): Tail {
    const { row } = event
    const tail = this.#tailOf(event.roomId, row.stream_id ?? 0)
    for (const target of targetsOf([event])) tail.targets.add(target)
    if (row.status === eventStatus.accepted) {
      tail.events.push(event)
      tail.weight += event.weight
    }
    return tail
  }

  #tailOf(roomId: RoomId, streamId: number): Tail {
    const known = this.#tails.get(roomId)
    if (known) return known
    const tail = emptyTail(streamId - 1)
    this.#tails.set(roomId, tail)
    return tail
  }
}

function isIn(streamId: number, after: number, upto: number): boolean {
  return streamId > after && streamId <= upto
}

function emptyTail(floor: number): Tail {
  return { floor, changesFloor: floor, weight: 1_000, events: [], changes: [], targets: new Set() }
}

function trimmed(tail: Tail): Tail {
  if (tail.events.length <= MAX_EVENTS) return tail
  const dropped = tail.events.splice(0, MAX_EVENTS / 2)
  tail.floor = dropped.at(-1)?.row.stream_id ?? tail.floor
  tail.changesFloor = Math.max(tail.changesFloor, tail.floor)
  tail.changes = tail.changes.filter(({ streamId }) => streamId > tail.floor)
  tail.targets = new Set(targetsOf(tail.events))
  for (const event of dropped) tail.weight -= event.weight
  return tail
}

/** Most events relate to nothing, and need not be parsed to know that. */
function targetsOf(events: readonly StoredEvent[]): EventId[] {
  return events.flatMap((event) =>
    event.row.json.includes('m.relates_to') ? (relationOf(event.pdu.content)?.targetId ?? []) : [],
  )
}
