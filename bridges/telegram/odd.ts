/** What people put into events may be anything. What is not of the form that it should have counts as not there. */
import * as z from 'zod'
import type { Content, MatrixEvent } from './matrix.ts'

/** An event or update with which nothing can be done, now or later. The message says why, to people. */
export class OddError extends Error {
  override name = 'OddError'
}

export const objectOf = (value: unknown): Content =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Content) : {}

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

export const stringOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

const matching =
  (form: RegExp) =>
  (value: unknown): string | undefined =>
    typeof value === 'string' && form.test(value) ? value : undefined

/** Ids go into paths and queries: no white space, nothing that a database cannot hold. */
export const eventIdOf = matching(/^\$[\x21-\x7E]{1,254}$/)
export const roomIdOf = matching(/^![\x21-\x2E\x30-\x7E]{1,254}$/)
export const mxcOf = matching(/^mxc:\/\/[\w[][\w.:[\]-]{0,254}\/[\w-]{1,255}$/)
export const mediaTypeOf = matching(/^[\w.+-]{1,127}\/[\w.+-]{1,127}$/)

/** How an event stands to another. https://spec.matrix.org/v1.19/client-server-api/#forming-relationships-between-events */
export interface Relation {
  readonly type: string | undefined
  readonly eventId: string | undefined
  readonly key: string | undefined
  /** The event that it answers. */
  readonly answered: string | undefined
}

export function relationOf(content: Content): Relation {
  const relation = objectOf(content['m.relates_to'])
  return {
    type: stringOf(relation['rel_type']),
    eventId: eventIdOf(relation['event_id']),
    key: stringOf(relation['key']),
    answered: eventIdOf(objectOf(relation['m.in_reply_to'])['event_id']),
  }
}

const envelope = z.looseObject({
  type: z.string(),
  event_id: z.string().refine((id) => eventIdOf(id) !== undefined),
  room_id: z.string().refine((id) => roomIdOf(id) !== undefined),
  sender: z.string().regex(/^@[^\0]{1,254}$/),
  origin_server_ts: z.int(),
  state_key: z.string().optional(),
})

/** Undefined for what is no event. Without content it has an empty one, and an odd `redacts` is none. */
export function eventOf(value: unknown): MatrixEvent | undefined {
  const { data } = envelope.safeParse(value)
  if (!data) return undefined
  const { state_key: stateKey, redacts, content, ...rest } = data
  const redacted = eventIdOf(redacts)
  return {
    ...rest,
    content: objectOf(content),
    ...(stateKey === undefined ? {} : { state_key: stateKey }),
    ...(redacted === undefined ? {} : { redacts: redacted }),
  }
}
