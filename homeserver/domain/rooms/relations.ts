/**
 * What relates to an event, and the threads of a room.
 * https://spec.matrix.org/v1.19/client-server-api/#relationships-api
 */
import { encodeCanonical, topLevelSpan } from '../../core/canonical-json.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import { redact } from '../../core/redact.ts'
import { findRoomVersion, type RoomVersion } from '../../core/room-version.ts'
import type { PaginationToken } from '../../core/token.ts'
import type { Database } from '../../storage/database.ts'
import { StoredEvent } from '../../storage/events.ts'
import { listRelated, listThreads, maxRecursion, type RelatedQuery, type ThreadRoot } from '../../storage/relations.ts'
import { findRoom } from '../../storage/rooms.ts'
import type { Requester } from '../accounts/requester.ts'
import type { ClientEvents } from './client-event.ts'
import type { EventCache } from './event-cache.ts'
import type { IgnoredUsers, Visibility } from './visibility.ts'
import { findVisible } from './visible-event.ts'

export interface RelationsParts {
  readonly database: Database
  readonly events: EventCache
  readonly visibility: Visibility
  readonly clientEvents: ClientEvents
  readonly ignored: IgnoredUsers
}

/** Events are JSON texts. */
export interface RelationsPage {
  readonly chunk: readonly string[]
  readonly next: PaginationToken | undefined
  /** How far relations of relations were followed. */
  readonly depth: number
}

export interface ThreadsQuery {
  /** The stream id at or below which the latest event of a thread is. */
  readonly from: number | undefined
  readonly limit: number
  /** Only threads in which the user has written. */
  readonly participated: boolean
}

export interface ThreadsPage {
  readonly chunk: readonly string[]
  readonly next: number | undefined
}

/** Pages of threads read for one answer. */
const MAX_PAGES = 10

export class Relations {
  readonly #parts: RelationsParts

  constructor(parts: RelationsParts) {
    this.#parts = parts
  }

  /** Throws `M_NOT_FOUND` if the user may not see the event that is related to. */
  async related(who: Requester, roomId: RoomId, query: Omit<RelatedQuery, 'upTo'>): Promise<RelationsPage> {
    const { database, visibility, clientEvents } = this.#parts
    const { reader } = await findVisible(this.#parts, who.userId, roomId, query.target)
    const page = await listRelated(database, roomId, { ...query, upTo: reader.upto })
    const seen = await visibility.visibleTo(who.userId, roomId, page.events)
    return {
      chunk: await clientEvents.texts(seen, who),
      next: page.next,
      depth: query.recurse ? maxRecursion : 1,
    }
  }

  /** The first events of threads, the thread with the latest event first. Throws `M_FORBIDDEN` for a room that is not the user's to read. */
  async threads(who: Requester, roomId: RoomId, { from, limit, participated }: ThreadsQuery): Promise<ThreadsPage> {
    const { database, visibility, clientEvents } = this.#parts
    const { upto: upTo = Number.MAX_SAFE_INTEGER } = await visibility.requireReader(who.userId, roomId)
    const participant = participated ? who.userId : undefined
    const roots: StoredEvent[] = []
    let next = from ?? Number.MAX_SAFE_INTEGER
    for (let pages = 0; pages < MAX_PAGES && roots.length < limit; pages++) {
      const wanted = limit - roots.length
      const found = await listThreads(database, roomId, { from: next, upTo, limit: wanted + 1, participant })
      const page = found.slice(0, wanted)
      roots.push(...(await this.#shown(who.userId, roomId, page)))
      if (found.length <= wanted) return { chunk: await clientEvents.texts(roots, who), next: undefined }
      next = (page.at(-1)?.latest ?? next) - 1
    }
    return { chunk: await clientEvents.texts(roots, who), next }
  }

  /** Those that the user may see; those of users he ignores as if they were redacted. */
  async #shown(userId: UserId, roomId: RoomId, threads: readonly ThreadRoot[]): Promise<StoredEvent[]> {
    const { database, visibility, ignored } = this.#parts
    const roots = threads.map(({ event }) => event)
    const [seen, ignoring] = await Promise.all([
      visibility.visibleTo(userId, roomId, roots, { withIgnored: true }),
      ignored.of(userId),
    ])
    if (!seen.some(({ row }) => ignoring.has(row.sender))) return seen
    const version = findRoomVersion((await findRoom(database, roomId))?.version ?? '')
    return seen.flatMap((event) => {
      if (!ignoring.has(event.row.sender)) return event
      return version ? redacted(event, version) : []
    })
  }
}

function redacted({ row, pdu }: StoredEvent, version: RoomVersion): StoredEvent {
  const json = encodeCanonical(redact(pdu, version), version)
  const { start, end } = topLevelSpan(json, 'content') ?? { start: 0, end: 0 }
  return new StoredEvent({ ...row, json, content_at: start, content_length: end - start })
}
