/** The latest events of rooms that matter for unread counts, in memory: read once, then kept by the events stream. */
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import { Lru } from '../../platform/lru.ts'
import type { Conn } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { Streams } from '../../storage/streams.ts'
import { listPushEvents, type PushRow } from '../../storage/unread.ts'
import { newsOf } from '../rooms/news.ts'
import { ChangeLog } from '../sync/change-log.ts'
import { decodeNotified, type Notified } from './push-column.ts'

/** An event that is counted for some, or tells that its sender has read what was before it. */
export interface Counting extends Notified {
  readonly streamId: number
  readonly sender: UserId
  readonly thread: EventId | undefined
  readonly isState: boolean
}

/** All there are in (since, upto]. */
interface PushLog {
  readonly since: number
  upto: number
  /** In order. What stands at or below a place does not change; later events are added at the end. */
  readonly events: Counting[]
}

/** Events of one room that are counted; what is before them is not. */
const MAX_EVENTS = 2_000
/** Events in memory. */
const MAX_LOGGED = 200_000

export class PushLogs {
  readonly #database: Conn
  readonly #logs = new Lru<RoomId, PushLog>(MAX_LOGGED, ({ events }) => events.length + 1)
  /** When each room got its last event: what was true after that is so until the next. */
  readonly #moves: ChangeLog
  /** Counts redactions, and news that say nothing of themselves, so that what was overtaken by some is not kept. */
  #version = 0

  constructor({ database, bus, streams }: { database: Conn; bus: Bus; streams: Pick<Streams, 'position'> }) {
    this.#database = database
    this.#moves = new ChangeLog(streams.position('events'))
    bus.subscribe((bell) => this.#heard(bell))
  }

  /** False only if the room got no event since. */
  hasMoved(roomId: RoomId, since: number): boolean {
    return this.#moves.hasChanged(roomId, since)
  }

  /** At least the events of each room in (since, upto], in order; `since` gives the place of each. */
  async list(since: ReadonlyMap<RoomId, number>, upto: number): Promise<ReadonlyMap<RoomId, readonly Counting[]>> {
    const version = this.#version
    const found = new Map<RoomId, readonly Counting[]>()
    const missing = new Map<RoomId, number>()
    for (const [roomId, place] of since) {
      const log = this.#logs.get(roomId)
      const reaches = log !== undefined && log.since <= place
      if (reaches && (log.upto >= upto || !this.hasMoved(roomId, log.upto))) found.set(roomId, log.events)
      else missing.set(roomId, place)
    }
    const rows = await listPushEvents(this.#database, missing, { upto, limit: MAX_EVENTS })
    const read = Map.groupBy(rows, ({ room_id }) => room_id)
    for (const [roomId, place] of missing) {
      const events = (read.get(roomId) ?? []).map((row) => countingOf(row, row.stream_id, row.push))
      const log = logOf(events, { since: place, upto })
      found.set(roomId, log.events)
      const kept = this.#logs.get(roomId)
      const isBetter = !kept || kept.upto < log.upto || (kept.upto === log.upto && kept.since > log.since)
      if (version === this.#version && isBetter) this.#logs.set(roomId, log)
    }
    return found
  }

  #heard(bell: Bell): void {
    if (bell.stream !== 'events') return
    const rooms = (bell.keys.rooms ?? []) as RoomId[] // keys of this stream are ids
    const news = newsOf(bell)
    if (!news || news.redacted.length > 0) {
      this.#version++
      for (const roomId of rooms) this.#logs.delete(roomId)
    }
    const added = Map.groupBy(news?.events ?? [], ({ roomId }) => roomId)
    for (const roomId of rooms) {
      const log = this.#logs.get(roomId)
      const isWhole = log && news && !this.hasMoved(roomId, log.upto)
      this.#moves.record(roomId, bell.position)
      if (isWhole) this.#logs.set(roomId, grown(log, added.get(roomId) ?? [], bell.position))
    }
  }
}

function grown(log: PushLog, added: readonly StoredEvent[], upto: number): PushLog {
  const { events } = log
  for (const { row } of added) {
    const { stream_id: streamId, push } = row
    if (push !== null && streamId !== null && streamId > log.upto) events.push(countingOf(row, streamId, push))
  }
  log.upto = Math.max(log.upto, upto)
  return events.length > 2 * MAX_EVENTS ? logOf(events.slice(-MAX_EVENTS), log) : log
}

/** Those before the first are not known, where there are as many as one read gives. */
function logOf(events: Counting[], { since, upto }: Pick<PushLog, 'since' | 'upto'>): PushLog {
  const [first] = events
  return { since: first && events.length >= MAX_EVENTS ? first.streamId - 1 : since, upto, events }
}

function countingOf(
  { sender, thread_root: root, state_key: key }: Pick<PushRow, 'sender' | 'thread_root' | 'state_key'>,
  streamId: number,
  push: string,
): Counting {
  return { ...decodeNotified(push), streamId, sender, thread: root ?? undefined, isState: key !== null }
}
