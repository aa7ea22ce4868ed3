/**
 * What is bundled with events: edits, threads, references.
 * https://spec.matrix.org/v1.19/client-server-api/#aggregations-of-child-events
 */
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { listRelating, type RelatingEvent } from '../../storage/relations.ts'
import { type Aggregations, clientEventText } from './client-event.ts'
import type { EventCache } from './event-cache.ts'
import type { Members } from './members.ts'
import { emptySummary, latestEdit, type RelationSummaries, type RelationSummary } from './relation-summaries.ts'
import type { IgnoredUsers, Visibility } from './visibility.ts'

/** Relating events looked at one by one for somebody who does not see all of them. */
const MAX_RELATING = 1_000

interface Thread {
  readonly latest: StoredEvent
  readonly count: number
  readonly participated: boolean
}

/** What one user gets to know about an event. */
interface Bundle {
  readonly edit: StoredEvent | undefined
  readonly references: readonly EventId[]
  readonly thread: Thread | undefined
}

type ByEvent<T> = ReadonlyMap<EventId, T>
const nothing: ReadonlyMap<EventId, never> = new Map<EventId, never>()

export interface AggregationParts {
  readonly database: Database
  readonly clock: Clock
  readonly events: EventCache
  readonly members: Members
  readonly visibility: Visibility
  readonly summaries: RelationSummaries
  readonly ignored?: IgnoredUsers
}

export class BundledAggregations implements Aggregations {
  readonly #parts: AggregationParts

  constructor(parts: AggregationParts) {
    this.#parts = parts
  }

  async bundle(events: readonly StoredEvent[], who: { readonly userId: UserId }): Promise<ByEvent<string>> {
    return await this.#bundle(events, who.userId, { threads: true })
  }

  async #bundle(
    events: readonly StoredEvent[],
    userId: UserId,
    { threads }: { threads: boolean },
  ): Promise<ByEvent<string>> {
    const summaries = await this.#parts.summaries.of(events)
    if (summaries.size === 0) return nothing
    const related = events.filter(({ eventId }) => summaries.has(eventId))
    const texts = new Map<EventId, string>()
    for (const [roomId, ofRoom] of Map.groupBy(related, (event) => event.roomId)) {
      const bundles = await this.#bundles(userId, roomId, ofRoom, summaries)
      const latest = threads ? [...bundles.values()].flatMap(({ thread }) => thread?.latest ?? []) : []
      // What relates to the latest event of a thread is told as well, but a thread within a thread is not.
      const inner = latest.length > 0 ? await this.#bundle(latest, userId, { threads: false }) : nothing
      for (const [eventId, bundle] of bundles) {
        const text = this.#textOf(threads ? bundle : { ...bundle, thread: undefined }, inner)
        if (text !== undefined) texts.set(eventId, text)
      }
    }
    return texts
  }

  async #bundles(
    userId: UserId,
    roomId: RoomId,
    events: readonly StoredEvent[],
    summaries: ByEvent<RelationSummary>,
  ): Promise<ByEvent<Bundle>> {
    const { events: cache, members, visibility, ignored } = this.#parts
    const [isJoined, ignoring] = await Promise.all([members.isJoined(roomId, userId), ignored?.of(userId)])
    const bundlesOf = (from: ByEvent<RelationSummary>, shown: ByEvent<StoredEvent>): ByEvent<Bundle> =>
      new Map(
        events.map((event) => {
          const summary = from.get(event.eventId) ?? emptySummary
          return [event.eventId, bundleOf(event, summary, shown, userId, ignoring)]
        }),
      )
    if (isJoined) {
      const shown = await cache.list(events.flatMap((event) => shownIds(summaries.get(event.eventId), ignoring)))
      const visible = await visibility.visibleTo(userId, roomId, [...shown.values()])
      if (visible.length === shown.size) return bundlesOf(summaries, shown)
    }
    const ids = events.map(({ eventId }) => eventId)
    const relating = await listRelating(this.#parts.database, roomId, ids, MAX_RELATING)
    const all = relating.map(({ event }) => event)
    const visible = new Map(
      (await visibility.visibleTo(userId, roomId, all)).map((event) => [event.eventId, event] as const),
    )
    const seen = relating.filter(({ event }) => visible.has(event.eventId))
    return bundlesOf(summariesOf(events, seen), visible)
  }

  #textOf({ edit, references, thread }: Bundle, inner: ByEvent<string>): string | undefined {
    const now = this.#parts.clock.now()
    const parts: string[] = []
    if (edit) parts.push(`"m.replace":${clientEventText(edit, { now })}`)
    if (references.length > 0) {
      const chunk = references.map((id) => `{"event_id":${JSON.stringify(id)}}`)
      parts.push(`"m.reference":{"chunk":[${chunk.join(',')}]}`)
    }
    if (thread) {
      const { latest, count, participated } = thread
      const text = clientEventText(latest, { now }, { relations: inner.get(latest.eventId) })
      parts.push(`"m.thread":{"count":${count},"current_user_participated":${participated},"latest_event":${text}}`)
    }
    return parts.length > 0 ? `{${parts.join(',')}}` : undefined
  }
}

type Ignoring = ReadonlySet<string> | undefined

function bundleOf(
  { row }: StoredEvent,
  summary: RelationSummary,
  shown: ByEvent<StoredEvent>,
  userId: UserId,
  ignoring: Ignoring,
): Bundle {
  const { edit } = summary
  // Edits of a redacted event are not told. https://spec.matrix.org/v1.19/client-server-api/#redactions-of-edited-events
  const isShown = edit !== undefined && row.redacted_by === null
  return {
    edit: isShown ? shown.get(edit) : undefined,
    references: summary.references.filter(({ sender }) => !ignoring?.has(sender)).map(({ eventId }) => eventId),
    thread: threadOf(row.sender, summary, shown, userId, ignoring),
  }
}

function threadOf(
  rootSender: UserId,
  summary: RelationSummary,
  shown: ByEvent<StoredEvent>,
  userId: UserId,
  ignoring: Ignoring,
): Thread | undefined {
  const shares = sharesOf(summary, ignoring)
  const latestId = latestOf(shares)
  const latest = latestId && shown.get(latestId)
  if (!latest) return undefined
  return {
    latest,
    count: shares.reduce((count, share) => count + share.count, 0),
    participated: rootSender === userId || shares.some(({ sender }) => sender === userId),
  }
}

type Shares = RelationSummary['thread']

function sharesOf({ thread }: RelationSummary, ignoring: Ignoring): Shares {
  return ignoring && ignoring.size > 0 ? thread.filter(({ sender }) => !ignoring.has(sender)) : thread
}

function latestOf(shares: Shares): EventId | undefined {
  let latest = shares[0]
  for (const share of shares) if (latest && share.streamId > latest.streamId) latest = share
  return latest?.latest
}

/** The events that a bundle shows whole. */
function shownIds(summary: RelationSummary | undefined, ignoring: Ignoring): EventId[] {
  if (!summary) return []
  const latest = latestOf(sharesOf(summary, ignoring))
  return [summary.edit, latest].flatMap((id) => id ?? [])
}

/** What is left to say about the targets if only these relating events are seen; they are in order, latest first. */
function summariesOf(targets: readonly StoredEvent[], seen: readonly RelatingEvent[]): ByEvent<RelationSummary> {
  const byTarget = Map.groupBy(seen, ({ target }) => target)
  return new Map(
    targets.map((target) => {
      const relating = byTarget.get(target.eventId) ?? []
      const ofKind = (relType: string): RelatingEvent[] => relating.filter((one) => one.relType === relType)
      const summary: RelationSummary = {
        edit: latestEdit(target, ofKind('m.replace').toSorted(byTime))?.eventId,
        references: ofKind('m.reference')
          .toReversed()
          .map(({ event }) => ({ eventId: event.eventId, sender: event.row.sender })),
        thread: ofKind('m.thread').map(({ event: { row } }) => ({
          sender: row.sender,
          count: 1,
          latest: row.event_id,
          streamId: row.stream_id ?? 0,
        })),
      }
      return [target.eventId, summary]
    }),
  )
}

/** Which of two edits is the later one is told by their own time, and then by their ids. */
function byTime({ event: { row: a } }: RelatingEvent, { event: { row: b } }: RelatingEvent): number {
  return b.origin_server_ts - a.origin_server_ts || (a.event_id < b.event_id ? 1 : -1)
}
