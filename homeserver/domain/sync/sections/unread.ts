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

interface RoomCounts {
  readonly main: Counts
  readonly threads: ReadonlyMap<EventId, Counts>
}

/** Asks for the counts of a joined user in rooms, of all events at or below a place in the events stream. Declared here, fulfilled by push. */
export interface UnreadCounts {
  of(userId: UserId, roomIds: readonly RoomId[], upto: number): Promise<ReadonlyMap<RoomId, RoomCounts>>
}

export interface UnreadParts {
  readonly database: Database
  readonly notifier: Notifier
  readonly unreadCounts: UnreadCounts
}

const MAX_ROOMS = 50_000
/** Of a room in which an event has notified somebody: it stays so. */
const loud = Infinity

export class UnreadSection {
  readonly #database: Database
  readonly #notifier: Notifier
  readonly #counts: UnreadCounts
  /** Up to which place in the events stream no event of a room has ever notified anybody, or `loud`. */
  readonly #quiet = new Lru<RoomId, number>(MAX_ROOMS)

  constructor({ database, notifier, unreadCounts }: UnreadParts) {
    this.#database = database
    this.#notifier = notifier
    this.#counts = unreadCounts
  }

  /** The members of a joined room's object. */
  async text(span: Span, roomId: RoomId): Promise<string> {
    const counts = await this.#counts.of(span.who.userId, [roomId], span.upto.events)
    return unreadText(span, counts.get(roomId))
  }

  /** What is in no thread. Rooms in which nothing can be unread are left out. */
  async main(
    { who, upto }: Pick<Span, 'who' | 'upto'>,
    roomIds: readonly RoomId[],
  ): Promise<ReadonlyMap<RoomId, Counts>> {
    const notifying = roomIds.length > 1 ? await this.#notifying(roomIds, upto.events) : roomIds
    const counts = await this.#counts.of(who.userId, notifying, upto.events)
    return new Map([...counts].map(([roomId, { main }]) => [roomId, main]))
  }

  /** As `text`, of many rooms. */
  async texts(span: Span, roomIds: readonly RoomId[]): Promise<ReadonlyMap<RoomId, string>> {
    const { who, upto } = span
    const counts = await this.#counts.of(who.userId, await this.#notifying(roomIds, upto.events), upto.events)
    return new Map(roomIds.map((roomId) => [roomId, unreadText(span, counts.get(roomId))]))
  }

  /** Those of the rooms in which anything could be unread: most have nothing. */
  async #notifying(roomIds: readonly RoomId[], upto: number): Promise<readonly RoomId[]> {
    const notifying = new Set<RoomId>()
    const unsure: RoomId[] = []
    for (const roomId of roomIds) {
      const place = this.#quiet.get(roomId)
      if (place === loud) notifying.add(roomId)
      else if (place === undefined || this.#notifier.roomChanged('events', roomId, place)) unsure.push(roomId)
    }
    if (unsure.length > 0) for (const roomId of await listNotifyingRooms(this.#database, unsure)) notifying.add(roomId)
    for (const roomId of unsure) this.#quiet.set(roomId, notifying.has(roomId) ? loud : upto)
    return roomIds.filter((roomId) => notifying.has(roomId))
  }
}

function unreadText({ filter }: Pick<Span, 'filter'>, { main, threads }: RoomCounts = quiet): string {
  if (!filter.timeline.unreadThreadNotifications) return `"unread_notifications":${countText(total(main, threads))}`
  const text = `"unread_notifications":${countText(main)}`
  if (threads.size === 0) return text
  const each = [...threads].map(([root, counts]) => `${JSON.stringify(root)}:${countText(counts)}`)
  return `${text},"unread_thread_notifications":{${each.join(',')}}`
}

const quiet: RoomCounts = { main: { notifications: 0, highlights: 0 }, threads: new Map() }

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
