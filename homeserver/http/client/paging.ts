/** Parts of queries that go through lists in pages, and of their answers. */
import { z } from 'zod'
import { parseJson } from '../../core/canonical-json.ts'
import { compileEventFilter, type CompiledEventFilter, parseRoomEventFilter } from '../../core/filter.ts'
import { formatPaginationToken, type PaginationToken, parsePaginationToken } from '../../core/token.ts'

/** Events in one answer. */
const limits = { defaultLimit: 10, maxLimit: 1000 }

export const direction = z.enum(['b', 'f'])

export const limit = z
  .string()
  .regex(/^\d{1,9}$/, 'is not a number')
  .transform((digits) => Math.min(Number(digits), limits.maxLimit))
  .optional()

/** A place that an answer told of. An empty text stands for none, as old clients send it. */
export const token = z
  .string()
  .transform((text, context): PaginationToken | undefined => {
    if (text === '') return undefined
    const place = parsePaginationToken(text)
    if (!place) context.addIssue('is no token of this server')
    return place
  })
  .optional()

/** The JSON of a filter for events of one room; its own limit is the number of events if nothing else is told. */
export const eventFilter = z
  .string()
  .optional()
  .transform((text): CompiledEventFilter =>
    compileEventFilter(text ? parseRoomEventFilter(parseJson(text)) : {}, limits),
  )

/** A member of an answer, or nothing where there is no place to go on from. */
export function tokenMember(name: string, place: PaginationToken | undefined): string {
  return place ? `,"${name}":${JSON.stringify(formatPaginationToken(place))}` : ''
}

export function listText(texts: readonly string[]): string {
  return `[${texts.join(',')}]`
}
