import { z } from 'zod'
import { isJsonObject } from '../../core/canonical-json.ts'
import { badJson, notJson } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'

/** A body that becomes the content of an event as it is, and so is not copied. Goes with `exactNumbers`. */
export const eventContent = z.unknown().transform((value): JsonObject => {
  if (value === undefined) throw notJson('The request has no body')
  if (!isJsonObject(value)) throw badJson('The content of an event must be an object')
  return value
})

/** As `eventContent`, but whether it must be there is seen later, by `requireContent`. */
export const lateContent = z.unknown().transform((value): JsonObject | undefined => {
  if (value !== undefined && !isJsonObject(value)) throw badJson('The content of an event must be an object')
  return value
})

export function requireContent(content: JsonObject | undefined): JsonObject {
  if (!content) throw notJson('The request has no body')
  return content
}

/** As `eventContent`, where a client need not say anything. */
export const optionalContent = z.unknown().transform((value): JsonObject => {
  if (value !== undefined && !isJsonObject(value)) throw badJson('The request body must be an object')
  return value ?? {}
})
