/**
 * Deletes what was said in a room up to some point, a part at a time, with the files that it showed. State stays, and so
 * do the events that the next one will name as its parents: these are emptied. What is deleted is not asked for again of
 * other servers: no gap is left open where it was.
 */
import { isJsonObject } from '../../../core/canonical-json.ts'
import type { JsonObject } from '../../../core/event.ts'
import type { RoomId, ServerName, UserId } from '../../../core/ids.ts'
import { findRoomVersion } from '../../../core/room-version.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Counter, Metrics } from '../../../platform/metrics.ts'
import type { Database, Tx } from '../../../storage/database.ts'
import { listEvents, redactEvent, type StoredEvent } from '../../../storage/events.ts'
import { deleteEvents, isShownElsewhere, listPurgeable, type PurgeRange } from '../../../storage/purges.ts'
import { findRoom } from '../../../storage/rooms.ts'
import type { Streams } from '../../../storage/streams.ts'
import type { MediaAdmin } from '../../media/media-admin.ts'
import { redactionOf } from '../../rooms/build.ts'
import { type EventNews } from '../../rooms/news.ts'

export interface PurgerParts {
  readonly database: Database
  readonly streams: Streams
  readonly clock: Clock
  readonly metrics: Metrics
  readonly mediaAdmin: MediaAdmin
  readonly serverName: ServerName
}

/** Events of one transaction. */
const BATCH = 200

/** A file that an event shows. */
interface Shown {
  readonly uri: string
  readonly sender: UserId
}

export class HistoryPurger {
  readonly #parts: PurgerParts
  readonly #deleted: Counter

  constructor(parts: PurgerParts) {
    this.#parts = parts
    this.#deleted = parts.metrics.counter('purged_events_total', 'Events that were deleted because their time was over')
  }

  /** Gives the number of events that are gone. Rests between its parts as long as they take, so that others get on. */
  async purge(range: PurgeRange, signal: AbortSignal): Promise<number> {
    const { clock } = this.#parts
    let gone = 0
    for (;;) {
      const began = clock.monotonic()
      const deleted = await this.#purgeSome(range)
      gone += deleted
      this.#deleted.add(deleted)
      if (deleted < BATCH) return gone
      await clock.sleep(clock.monotonic() - began, signal)
    }
  }

  async #purgeSome(range: PurgeRange): Promise<number> {
    const { database } = this.#parts
    const room = await findRoom(database, range.roomId)
    if (!room) return 0
    const last = room.extremities.map(({ eventId }) => eventId)
    const found = await listPurgeable(database, range, { except: last, limit: BATCH })
    const ends = (await listEvents(database, last)).filter((event) => isWithin(event, range) && !isEmpty(event))
    if (found.length + ends.length === 0) return 0
    // The files go first: if the server stops in between, the events are still there to tell of them.
    await this.#removeFiles([...found, ...ends])
    return await database.transaction('purge history', async (tx) => {
      // Another event may be the last by now, but what was not the last then is not now.
      await deleteEvents(tx, range.roomId, found)
      await this.#empty(tx, ends, room.version)
      await this.#tell(tx, range.roomId, [...found, ...ends])
      return found.length
    })
  }

  /** Leaves of an event what a redaction does. */
  async #empty(tx: Tx, events: readonly StoredEvent[], versionId: string): Promise<void> {
    const version = findRoomVersion(versionId)
    for (const event of events) {
      const redaction = version && redactionOf(event, event.eventId, version)
      if (redaction) await redactEvent(tx, redaction)
    }
  }

  /** Whoever has these events in memory drops them, as when they are redacted. */
  async #tell(tx: Tx, roomId: RoomId, events: readonly StoredEvent[]): Promise<void> {
    const { streams } = this.#parts
    const redacted = events.map(({ eventId }) => eventId)
    const news: EventNews = { events: [], changes: [], memberships: [], redacted }
    streams.reserve(tx, 'events', 1, { rooms: [roomId] }, news)
    await streams.remember(tx, 'events')
  }

  /** Those that their senders uploaded here, and that no other message shows. */
  async #removeFiles(events: readonly StoredEvent[]): Promise<void> {
    const { database, mediaAdmin, serverName } = this.#parts
    const going = events.flatMap(({ row }) => row.stream_id ?? [])
    for (const { uri, sender } of events.flatMap(filesOf)) {
      const mediaId = localMediaId(uri, serverName)
      if (mediaId === undefined || (await isShownElsewhere(database, uri, going))) continue
      await mediaAdmin.remove({ mxc: { server: serverName, mediaId }, userId: sender, keepsAvatars: true })
    }
  }
}

function isWithin({ row }: StoredEvent, { end, sparing }: PurgeRange): boolean {
  if (row.state_key !== null || (sparing !== undefined && row.sender.endsWith(`:${sparing}`))) return false
  // A place is that of an event in the room, and before it is never its end.
  return 'ts' in end && row.origin_server_ts < end.ts
}

function isEmpty({ row }: StoredEvent): boolean {
  return row.redacted_by !== null
}

/** What is encrypted shows nothing to the server. */
function filesOf({ row, pdu: { content } }: StoredEvent): Shown[] {
  const shown = row.type === 'm.room.message' ? [content['url'], thumbnailOf(content)] : []
  return shown.flatMap((uri) => (typeof uri === 'string' ? [{ uri, sender: row.sender }] : []))
}

function thumbnailOf({ info }: JsonObject): unknown {
  return isJsonObject(info) ? info['thumbnail_url'] : undefined
}

function localMediaId(uri: string, serverName: ServerName): string | undefined {
  const prefix = `mxc://${serverName}/`
  const id = uri.startsWith(prefix) ? uri.slice(prefix.length) : ''
  return /^[\w-]{1,255}$/.test(id) ? id : undefined
}
