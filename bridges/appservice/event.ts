/** Events as the homeserver tells them: their senders are anybody, so nothing in them is believed before it was looked at. */
import * as z from 'zod'
import { objectOf, stringOf } from './json.ts'

export type Content = Record<string, unknown>

export interface MatrixEvent {
  readonly type: string
  readonly event_id: string
  readonly room_id: string
  readonly sender: string
  readonly origin_server_ts: number
  readonly state_key?: string
  readonly redacts?: string
  readonly content: Content
  readonly unsigned?: unknown
}

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
