/** Searches messages, names and topics. https://spec.matrix.org/v1.19/client-server-api/#server-side-search */
import { invalidParam } from '../../core/errors.ts'
import { compileEventFilter, type CompiledEventFilter } from '../../core/filter.ts'
import type { EventId, RoomId } from '../../core/ids.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { currentStateEvents, stateEventsAt } from '../../storage/rooms.ts'
import {
  countDocuments,
  type DocumentPage,
  type DocumentPlace,
  type DocumentQuery,
  findDocuments,
  type FoundDocument,
} from '../../storage/search.ts'
import type { Streams } from '../../storage/streams.ts'
import type { Requester } from '../accounts/requester.ts'
import type { IgnoredUsers } from '../rooms/visibility.ts'
import { contextOf, type ContextParts, type ContextWish, type SearchContext } from './context.ts'
import type { SearchIndexer } from './indexer.ts'
import type { GroupKey, SearchPlace } from './place.ts'
import { roomsToSearch, type ScopeParts, withinSight } from './scope.ts'
import { searchableTypes, type SearchKey, textOf } from './searchable.ts'
import { highlightsOf, unitsOf } from './words.ts'

export interface SearchParts extends ScopeParts, ContextParts {
  readonly streams: Streams
  readonly ignored: IgnoredUsers
  readonly indexer: SearchIndexer
}

export interface SearchRequest {
  readonly term: string
  readonly keys: readonly SearchKey[]
  /** Its limit is the number of results. */
  readonly filter: CompiledEventFilter
  readonly order: DocumentPage['order']
  readonly after?: SearchPlace | undefined
  readonly context?: ContextWish | undefined
  readonly withState: boolean
  readonly groupBy: readonly GroupKey[]
}

export interface SearchResult {
  readonly eventId: EventId
  readonly rank: number
  /** JSON text. */
  readonly event: string
  readonly context: SearchContext | undefined
}

interface SearchGroup {
  readonly value: string
  readonly results: readonly EventId[]
  readonly next: SearchPlace | undefined
}

export interface SearchResults {
  readonly count: number
  readonly highlights: readonly string[]
  readonly results: readonly SearchResult[]
  readonly next: SearchPlace | undefined
  /** In the order of their first results. */
  readonly groups: ReadonlyMap<GroupKey, readonly SearchGroup[]>
  /** Of the rooms of the results: the current state, or that which the user left, as JSON texts. */
  readonly state: ReadonlyMap<RoomId, readonly string[]> | undefined
}

interface Hit {
  readonly document: FoundDocument
  readonly event: StoredEvent
}

/** Characters of what is searched; the rest is passed over. */
const MAX_TERM = 500

export class Search {
  readonly #parts: SearchParts

  constructor(parts: SearchParts) {
    this.#parts = parts
  }

  /** Finds what was sent before this call too, unless the index is far behind. Throws `M_INVALID_PARAM` for a place of another order. */
  async roomEvents(who: Requester, request: SearchRequest): Promise<SearchResults> {
    const { database, indexer, streams } = this.#parts
    const { order, after, filter } = request
    if (after && (after.rank === undefined) !== (order === 'recent')) {
      throw invalidParam('next_batch belongs to a search with another order')
    }
    await indexer.reach(streams.position('events'))
    const query = await this.#query(who, request)
    if (!query) return nothing
    const [count, found] = await Promise.all([
      countDocuments(database, query),
      findDocuments(database, { ...query, group: after?.group }, { order, after, limit: filter.limit }),
    ])
    const { hits, texts } = await this.#hits(who, found)
    const isFull = found.length === filter.limit
    const next = isFull ? placeOf(found.at(-1), order, after?.group) : undefined
    return {
      count,
      highlights: highlightsOf(request.term.slice(0, MAX_TERM), texts),
      results: await this.#results(who, hits, query, request.context),
      next,
      groups: new Map(request.groupBy.map((key) => [key, groupsOf(hits, key, isFull ? order : undefined)])),
      state: request.withState ? await this.#state(who, hits, query) : undefined,
    }
  }

  /** Undefined where nothing can be found. */
  async #query(who: Requester, { term, keys, filter }: SearchRequest): Promise<ScopedQuery | undefined> {
    const units = unitsOf(term.slice(0, MAX_TERM))
    const types = keys.map((key) => searchableTypes[key]).filter((type) => passesType(filter, type))
    if (units.length === 0 || types.length === 0) return undefined
    const [rooms, ignored] = await Promise.all([
      roomsToSearch(this.#parts, who.userId, filter),
      this.#parts.ignored.of(who.userId),
    ])
    const query = await withinSight(this.#parts, who.userId, {
      units,
      rooms,
      types,
      senders: filter.source.senders,
      notSenders: filter.source.not_senders,
      ignored,
      hasUrl: filter.source.contains_url,
      relTypes: filter.source.related_by_rel_types,
      relatingSenders: filter.source.related_by_senders,
    })
    return { ...query, ends: new Map(rooms.map(({ roomId, upto }) => [roomId, upto])) }
  }

  /** The events that were found, and the texts because of which they were. */
  async #hits(
    who: Requester,
    found: readonly FoundDocument[],
  ): Promise<{ hits: readonly Hit[]; texts: readonly string[] }> {
    const { events, visibility } = this.#parts
    const ids = new Set(found.flatMap(({ eventId, sourceEventId }) => [eventId, sourceEventId]))
    const known = await events.list(ids)
    const visible = new Set<StoredEvent>()
    for (const [roomId, ofRoom] of Map.groupBy(known.values(), (event) => event.roomId)) {
      for (const event of await visibility.visibleTo(who.userId, roomId, ofRoom)) visible.add(event)
    }
    const hits: Hit[] = []
    const texts: string[] = []
    for (const document of found) {
      const event = known.get(document.eventId)
      const source = known.get(document.sourceEventId)
      // The index hears of a redaction a moment later than the event.
      if (!event || !source || !visible.has(event) || event.row.redacted_by !== null) continue
      hits.push({ document, event })
      texts.push(textOf(event, source === event ? undefined : source) ?? '')
    }
    return { hits, texts }
  }

  async #results(
    who: Requester,
    hits: readonly Hit[],
    { ends }: ScopedQuery,
    wish: ContextWish | undefined,
  ): Promise<SearchResult[]> {
    const texts = await this.#parts.clientEvents.texts(
      hits.map(({ event }) => event),
      who,
    )
    return await Promise.all(
      hits.map(async ({ document: { eventId, rank }, event }, index) => ({
        eventId,
        rank,
        event: texts[index] ?? '',
        context: wish && (await contextOf(this.#parts, who, event, { ...wish, upto: ends.get(event.roomId) })),
      })),
    )
  }

  async #state(
    who: Requester,
    hits: readonly Hit[],
    { ends }: ScopedQuery,
  ): Promise<ReadonlyMap<RoomId, readonly string[]>> {
    const { database, clientEvents } = this.#parts
    const states = new Map<RoomId, readonly string[]>()
    for (const roomId of new Set(hits.map(({ event }) => event.roomId))) {
      const upto = ends.get(roomId)
      const events = await (upto === undefined
        ? currentStateEvents(database, roomId)
        : stateEventsAt(database, roomId, upto))
      states.set(roomId, await clientEvents.texts(events, who, { bundled: false }))
    }
    return states
  }
}

interface ScopedQuery extends DocumentQuery {
  /** The rooms in reach, and where the user's view of them ends. */
  readonly ends: ReadonlyMap<RoomId, number | undefined>
}

const nothing: SearchResults = {
  count: 0,
  highlights: [],
  results: [],
  next: undefined,
  groups: new Map(),
  state: undefined,
}

function passesType({ source: { types, not_types } }: CompiledEventFilter, type: string): boolean {
  return compileEventFilter({ types, not_types }, { defaultLimit: 0, maxLimit: 0 }).passes({ type })
}

function groupsOf(hits: readonly Hit[], key: GroupKey, order: DocumentPage['order'] | undefined): SearchGroup[] {
  const groups = Map.groupBy(hits, ({ event: { row } }) => row[key])
  return [...groups].map(([value, ofGroup]) => ({
    value,
    results: ofGroup.map(({ event }) => event.eventId),
    next: order && placeOf(ofGroup.at(-1)?.document, order, { key, value }),
  }))
}

function placeOf(
  last: FoundDocument | undefined,
  order: DocumentPage['order'],
  group: SearchPlace['group'],
): SearchPlace | undefined {
  if (!last) return undefined
  const place: DocumentPlace = { streamId: last.streamId, rank: order === 'rank' ? last.rank : undefined }
  return { ...place, group }
}
