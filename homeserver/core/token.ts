/**
 * Places in the streams, and their text in `since`, `next_batch`, `from` and `to`.
 *
 * A sync token is a position per stream: `s1_e1234.r56.d7`. Where writers of one stream differ, the text tells who is
 * elsewhere: `e1234-writer2:1200`. A pagination token is a place between two events of a room: `t<depth>_<stream>`
 * in topological order, or a whole sync token.
 */

/** The streams of a sync with the letters that stand for them. A letter, once given, is never used for another stream. */
const letters = {
  events: 'e',
  receipts: 'r',
  account_data: 'a',
  presence: 'p',
  to_device: 'd',
  device_lists: 'l',
  push_rules: 'u',
  typing: 't',
  thread_subscriptions: 's',
  profiles: 'f',
  sticky_events: 'k',
} as const

export type StreamName = keyof typeof letters

/** Everything at or below a position is known to the client; positions of writers named in `writers` are other than the common one. */
export type SyncToken = Readonly<Record<StreamName, number>> & {
  readonly writers?: { readonly [Stream in StreamName]?: Readonly<Record<string, number>> }
}

/** Without `depth` it is a place in the order in which this server got the events. `stream` is negative for backfilled ones. */
export interface PaginationToken {
  readonly depth?: number
  readonly stream: number
}

// Object.keys of a constant gives the keys of its type.
export const streamNames = Object.keys(letters) as readonly StreamName[]
const streamOf: ReadonlyMap<string, StreamName> = new Map(streamNames.map((name) => [letters[name], name]))

/** Before everything. */
export const startToken: SyncToken = {
  events: 0,
  receipts: 0,
  account_data: 0,
  presence: 0,
  to_device: 0,
  device_lists: 0,
  push_rules: 0,
  typing: 0,
  thread_subscriptions: 0,
  profiles: 0,
  sticky_events: 0,
}

const prefix = 's1_'
const part = /^([a-z]+)(\d{1,16})((?:-\w{1,64}:\d{1,16})*)$/
const exception = /-(\w+):(\d+)/g
const topological = /^t(\d{1,16})_(-?\d{1,16})$/

/** Far above what is ever made; a longer text is garbage. */
const maxLength = 2048

/** Streams at 0 are left out, except for events. */
export function formatSyncToken(token: SyncToken): string {
  let text = `${prefix}e${token.events}${formatWriters(token.writers?.events)}`
  for (const stream of streamNames) {
    const writers = token.writers?.[stream]
    if (stream === 'events' || (token[stream] === 0 && !writers)) continue
    text += `.${letters[stream]}${token[stream]}${formatWriters(writers)}`
  }
  return text
}

function formatWriters(writers: Readonly<Record<string, number>> | undefined): string {
  let text = ''
  for (const writer in writers) text += `-${writer}:${writers[writer]}`
  return text
}

/** Undefined if it is no sync token. Streams that are not known here are passed over, missing ones are at 0. */
export function parseSyncToken(text: string): SyncToken | undefined {
  if (!text.startsWith(prefix) || text.length > maxLength) return undefined
  const positions: Record<StreamName, number> = { ...startToken }
  const exceptions: { [Stream in StreamName]?: Record<string, number> } = {}
  for (const piece of text.slice(prefix.length).split('.')) {
    const [, letter = '', position, writers = ''] = part.exec(piece) ?? []
    if (position === undefined) return undefined
    const stream = streamOf.get(letter)
    if (!stream) continue
    positions[stream] = Number(position)
    if (writers !== '') exceptions[stream] = parseWriters(writers)
  }
  const token = Object.keys(exceptions).length === 0 ? positions : { ...positions, writers: exceptions }
  return hasSafePositions(token) ? token : undefined
}

function parseWriters(text: string): Record<string, number> {
  // fromEntries defines properties, so that a writer called __proto__ is one like any other.
  return Object.fromEntries([...text.matchAll(exception)].map(([, writer, position]) => [writer, Number(position)]))
}

function hasSafePositions(token: SyncToken): boolean {
  const exceptions = Object.values(token.writers ?? {}).flatMap((writers) => Object.values(writers))
  return [...streamNames.map((stream) => token[stream]), ...exceptions].every(Number.isSafeInteger)
}

/** The position of one writer of a stream. */
export function positionOf(token: SyncToken, stream: StreamName, writer: string): number {
  const writers = token.writers?.[stream]
  return writers && Object.hasOwn(writers, writer) ? (writers[writer] ?? 0) : token[stream]
}

export function formatPaginationToken({ depth, stream }: PaginationToken): string {
  return depth === undefined ? formatSyncToken({ ...startToken, events: stream }) : `t${depth}_${stream}`
}

/** Undefined if it is none. A sync token is taken for its place among the events. */
export function parsePaginationToken(text: string): PaginationToken | undefined {
  const [, depth, stream] = topological.exec(text) ?? []
  if (depth === undefined) {
    const token = parseSyncToken(text)
    return token && { stream: token.events }
  }
  const token = { depth: Number(depth), stream: Number(stream) }
  return Number.isSafeInteger(token.depth) && Number.isSafeInteger(token.stream) ? token : undefined
}
