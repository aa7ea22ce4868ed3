/** What a client wants to see of events. https://spec.matrix.org/v1.19/client-server-api/#filtering */
import { z } from 'zod'
import { isJsonObject } from './canonical-json.ts'
import { badJson, invalidParam } from './errors.ts'
import type { Json, JsonObject } from './event.ts'
import { compileGlob, type Matcher } from './glob.ts'
import { isRoomId, isUserId } from './ids.ts'
import { parsePropertyPath } from './property-path.ts'

const userIds = z.array(z.string().refine(isUserId, 'is not a user id')).optional()
const roomIds = z.array(z.string().refine(isRoomId, 'is not a room id')).optional()
const texts = z.array(z.string()).optional()
const flag = z.boolean().optional()

const eventFilter = z.object({
  limit: z.int().min(0).optional(),
  types: texts,
  not_types: texts,
  senders: userIds,
  not_senders: userIds,
})

const roomEventFilter = eventFilter.extend({
  rooms: roomIds,
  not_rooms: roomIds,
  contains_url: flag,
  lazy_load_members: flag,
  include_redundant_members: flag,
  unread_thread_notifications: flag,
  related_by_senders: userIds,
  related_by_rel_types: texts,
  // https://github.com/matrix-org/matrix-spec-proposals/pull/3874
  'org.matrix.msc3874.rel_types': texts,
  'org.matrix.msc3874.not_rel_types': texts,
})

const roomFilter = z.object({
  rooms: roomIds,
  not_rooms: roomIds,
  include_leave: flag,
  state: roomEventFilter.optional(),
  timeline: roomEventFilter.optional(),
  ephemeral: roomEventFilter.optional(),
  account_data: roomEventFilter.optional(),
})

const filter = z.object({
  event_fields: texts,
  event_format: z.enum(['client', 'federation']).optional(),
  presence: eventFilter.optional(),
  account_data: eventFilter.optional(),
  room: roomFilter.optional(),
})

export type RoomEventFilter = z.infer<typeof roomEventFilter>
export type Filter = z.infer<typeof filter>

/**
 * The filter of a sync. Throws `M_BAD_JSON` where something has the wrong type and `M_INVALID_PARAM` where it has a
 * value that cannot be. Unknown keys are passed over.
 */
export function parseFilter(json: unknown): Filter {
  return parse(filter, json)
}

/** The filter of a request for events of one room; throws as `parseFilter` does. */
export function parseRoomEventFilter(json: unknown): RoomEventFilter {
  return parse(roomEventFilter, json)
}

function parse<T>(schema: z.ZodType<T>, json: unknown): T {
  const { data, error } = schema.safeParse(json)
  if (data !== undefined) return data
  const [issue] = error?.issues ?? []
  const message = `${['filter', ...(issue?.path ?? [])].join('.')}: ${issue?.message ?? 'not valid'}`
  throw issue?.code === 'invalid_type' ? badJson(message) : invalidParam(message)
}

/** What a filter looks at in an event of any kind; account data and ephemeral events have no sender. */
interface Filterable {
  readonly type: string
  readonly sender?: string
  readonly content?: Json
}

export interface CompiledEventFilter {
  /** How many events at most: 0 asks for none. */
  readonly limit: number
  /** Whether every event passes. */
  readonly passesAll: boolean
  /** Whether it looks at the content of events. */
  readonly looksInside: boolean
  passes(event: Filterable): boolean
  passesRoom(roomId: string): boolean
  readonly lazyLoadMembers: boolean
  readonly includeRedundantMembers: boolean
  readonly unreadThreadNotifications: boolean
  /** Only events that such relations point to; finding them is the store's matter, as are types it can ask for. */
  readonly source: RoomEventFilter
}

export interface CompiledFilter {
  readonly presence: CompiledEventFilter
  readonly accountData: CompiledEventFilter
  /** Of `room`; to be asked before `passesRoom` of its parts. */
  passesRoom(roomId: string): boolean
  readonly includeLeave: boolean
  readonly state: CompiledEventFilter
  readonly timeline: CompiledEventFilter
  readonly ephemeral: CompiledEventFilter
  readonly roomAccountData: CompiledEventFilter
  readonly eventFormat: 'client' | 'federation'
  /** Leaves only the fields asked for; undefined if all are. */
  readonly project: ((event: JsonObject) => JsonObject) | undefined
}

export interface Limits {
  readonly defaultLimit: number
  readonly maxLimit: number
}

const syncLimits: Limits = { defaultLimit: 10, maxLimit: 100 }

export function compileFilter(given: Filter = {}, limits: Limits = syncLimits): CompiledFilter {
  const { room = {}, event_fields: fields } = given
  const compile = (part: RoomEventFilter | undefined): CompiledEventFilter => compileEventFilter(part, limits)
  return {
    presence: compile(given.presence),
    accountData: compile(given.account_data),
    passesRoom: roomPredicate(room.rooms, room.not_rooms),
    includeLeave: room.include_leave ?? false,
    state: compile(room.state),
    timeline: compile(room.timeline),
    ephemeral: compile(room.ephemeral),
    roomAccountData: compile(room.account_data),
    eventFormat: given.event_format ?? 'client',
    project: fields && compileProjection(fields),
  }
}

export function compileEventFilter(given: RoomEventFilter = {}, limits: Limits = syncLimits): CompiledEventFilter {
  const tests = eventTests(given)
  return {
    limit: Math.min(given.limit ?? limits.defaultLimit, limits.maxLimit),
    passesAll: tests.length === 0,
    looksInside: given.contains_url !== undefined || relationTests(given).length > 0,
    passes: (event) => tests.every((test) => test(event)),
    passesRoom: roomPredicate(given.rooms, given.not_rooms),
    lazyLoadMembers: given.lazy_load_members ?? false,
    includeRedundantMembers: given.include_redundant_members ?? false,
    unreadThreadNotifications: given.unread_thread_notifications ?? false,
    source: given,
  }
}

/** A list that is there admits what is in it, and nothing if it is empty. What is excluded is excluded in any case. */
function eventTests(given: RoomEventFilter): ((event: Filterable) => boolean)[] {
  const tests: ((event: Filterable) => boolean)[] = []
  if (given.types) {
    const included = anyOf(given.types)
    tests.push(({ type }) => included(type))
  }
  if (given.not_types && given.not_types.length > 0) {
    const excluded = anyOf(given.not_types)
    tests.push(({ type }) => !excluded(type))
  }
  if (given.senders) {
    const included = new Set<string>(given.senders)
    tests.push(({ sender }) => sender !== undefined && included.has(sender))
  }
  if (given.not_senders && given.not_senders.length > 0) {
    const excluded = new Set<string>(given.not_senders)
    tests.push(({ sender }) => sender === undefined || !excluded.has(sender))
  }
  if (given.contains_url !== undefined) {
    const wanted = given.contains_url
    tests.push(({ content }) => (isJsonObject(content) && typeof content['url'] === 'string') === wanted)
  }
  return [...tests, ...relationTests(given)]
}

/** What an event itself relates to; an event that relates to nothing is excluded by no list. */
function relationTests({
  'org.matrix.msc3874.rel_types': included,
  'org.matrix.msc3874.not_rel_types': excluded,
}: RoomEventFilter): ((event: Filterable) => boolean)[] {
  if (!included && !excluded) return []
  return [
    ({ content }) => {
      const relation = isJsonObject(content) ? content['m.relates_to'] : undefined
      const relType = isJsonObject(relation) ? relation['rel_type'] : undefined
      if (typeof relType !== 'string') return included === undefined
      return (!included || included.includes(relType)) && !excluded?.includes(relType)
    },
  ]
}

/** Of event types only `*` is a wildcard. */
function anyOf(types: readonly string[]): Matcher {
  const literal = new Set(types.filter((type) => !type.includes('*')))
  const globs = types.filter((type) => type.includes('*')).map((type) => compileGlob(type, { question: false }))
  return (type) => literal.has(type) || globs.some((matches) => matches(type))
}

function roomPredicate(
  rooms: readonly string[] | undefined,
  notRooms: readonly string[] = [],
): (roomId: string) => boolean {
  if (!rooms && notRooms.length === 0) return () => true
  const included = rooms && new Set(rooms)
  const excluded = new Set(notRooms)
  return (roomId) => !excluded.has(roomId) && (!included || included.has(roomId))
}

/** The properties to keep; those without further names are kept whole. */
type Fields = Map<string, Fields>

function compileProjection(paths: readonly string[]): (event: JsonObject) => JsonObject {
  const fields: Fields = new Map()
  // Shorter paths come first, so that a whole property is not cut by a longer path.
  for (const path of paths.map(parsePropertyPath).toSorted((a, b) => a.length - b.length)) addPath(fields, path)
  return (event) => pick(event, fields)
}

function addPath(fields: Fields, path: readonly string[]): void {
  let level = fields
  for (const name of path) {
    const known = level.get(name)
    if (known?.size === 0) return
    const next: Fields = known ?? new Map()
    level.set(name, next)
    level = next
  }
}

function pick(value: JsonObject, fields: Fields): JsonObject {
  const kept: [string, Json][] = []
  for (const [name, deeper] of fields) {
    const part = Object.hasOwn(value, name) ? value[name] : undefined
    if (part === undefined) continue
    if (deeper.size === 0) kept.push([name, part])
    else if (isJsonObject(part)) {
      const inner = pick(part, deeper)
      if (Object.keys(inner).length > 0) kept.push([name, inner])
    }
  }
  return Object.fromEntries(kept)
}
