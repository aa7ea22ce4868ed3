/** How much is unread. https://spec.matrix.org/v1.19/client-server-api/#receiving-notifications */
import type { EventId, RoomId, UserId } from '../../../core/ids.ts'
import { Lru } from '../../../platform/lru.ts'
import type { Database } from '../../../storage/database.ts'
import { listNotifyingRooms } from '../../../storage/sync.ts'
import type { Notifier } from '../notifier.ts'
import type { Span } from '../span.ts'

export interface Counts {
  readonly notifications: number
  readonly highlights: number
}

/** Asks for the counts of a joined user, of all events at or below a place in the events stream. Declared here, fulfilled by push. */
export interface UnreadCounts {
  of(
    userId: UserId,
    roomId: RoomId,
    upto: number,
  ): Promise<{ readonly main: Counts; readonly threads: ReadonlyMap<EventId, Counts> }>
}

export interface UnreadParts {
  readonly database: Database
  readonly notifier: Notifier
  readonly unreadCounts: UnreadCounts
}

const MAX_QUIET = 50_000

export class UnreadSection {
  readonly #database: Database
  readonly #notifier: Notifier
  readonly #counts: UnreadCounts
  /** Rooms in which no event has ever notified anybody, as of a place in the events stream. */
  readonly #quiet = new Lru<RoomId, number>(MAX_QUIET)

  constructor({ database, notifier, unreadCounts }: UnreadParts) {
    this.#database = database
    this.#notifier = notifier
    this.#counts = unreadCounts
  }

  /** The members of a joined room's object. */
  async text({ who, upto, filter }: Span, roomId: RoomId): Promise<string> {
    const { main, threads } = await this.#counts.of(who.userId, roomId, upto.events)
    if (!filter.timeline.unreadThreadNotifications) return `"unread_notifications":${countText(total(main, threads))}`
    if (threads.size === 0) return `"unread_notifications":${countText(main)}`
    const each = [...threads].map(([root, counts]) => `${JSON.stringify(root)}:${countText(counts)}`)
    return `"unread_notifications":${countText(main)},"unread_thread_notifications":{${each.join(',')}}`
  }

  /** What is in no thread, of many rooms: most of them have nothing that could be unread. */
  async main(
    { who, upto }: Pick<Span, 'who' | 'upto'>,
    roomIds: readonly RoomId[],
  ): Promise<ReadonlyMap<RoomId, Counts>> {
    const notifying = roomIds.length > 1 ? await this.#notifying(roomIds, upto.events) : roomIds
    const counted = notifying.map(
      async (roomId) => [roomId, (await this.#counts.of(who.userId, roomId, upto.events)).main] as const,
    )
    return new Map(await Promise.all(counted))
  }

  /** As `text`, of many rooms: most of them have nothing that could be unread. */
  async texts(span: Span, roomIds: readonly RoomId[]): Promise<ReadonlyMap<RoomId, string>> {
    const notifying = new Set(await this.#notifying(roomIds, span.upto.events))
    const quiet = `"unread_notifications":${countText(none)}`
    const counted = roomIds.map(
      async (roomId) => [roomId, notifying.has(roomId) ? await this.text(span, roomId) : quiet] as const,
    )
    return new Map(await Promise.all(counted))
  }

  /** Those of the rooms in which anything could be unread. */
  async #notifying(roomIds: readonly RoomId[], upto: number): Promise<readonly RoomId[]> {
    const unsure = roomIds.filter((roomId) => {
      const place = this.#quiet.get(roomId)
      return place === undefined || this.#notifier.roomChanged('events', roomId, place)
    })
    const notifying = unsure.length === 0 ? [] : await listNotifyingRooms(this.#database, unsure)
    const loud = new Set(notifying)
    for (const roomId of unsure) if (!loud.has(roomId)) this.#quiet.set(roomId, upto)
    return notifying
  }
}

const none: Counts = { notifications: 0, highlights: 0 }

function total(main: Counts, threads: ReadonlyMap<EventId, Counts>): Counts {
  let { notifications, highlights } = main
  for (const counts of threads.values()) {
    notifications += counts.notifications
    highlights += counts.highlights
  }
  return { notifications, highlights }
}

function countText({ notifications, highlights }: Counts): string {
  return `{"highlight_count":${highlights},"notification_count":${notifications}}`
}
