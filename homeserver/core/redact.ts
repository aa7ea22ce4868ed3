/**
 * The redaction algorithm: what of an event is left when it is redacted, and so what its signatures and its id cover.
 * https://spec.matrix.org/v1.19/client-server-api/#redactions
 */
import { isJsonObject } from './canonical-json.ts'
import type { Json, JsonObject, Pdu } from './event.ts'
import type { RedactionRules, RoomVersion } from './room-version.ts'

/** The redacted event. Idempotent; the event is left as it is. */
export function redact(pdu: Pdu, { redaction }: RoomVersion): Pdu {
  const kept: Record<string, Json | undefined> = {}
  for (const key of redaction.topLevel) if (Object.hasOwn(pdu, key)) kept[key] = pdu[key]
  kept['content'] = redactContent(pdu.type, pdu.content, redaction)
  // The keys that make it a Pdu survive in every room version.
  return kept as Pdu
}

/** What is left of the content of an event; the content itself if nothing is lost. */
export function redactContent(type: string, content: JsonObject, rules: RedactionRules): JsonObject {
  const rule = Object.hasOwn(rules.content, type) ? rules.content[type] : undefined
  if (rule === 'all') return content
  const kept: Record<string, Json> = {}
  for (const entry of rule ?? []) {
    if (typeof entry === 'string') keep(content, entry, kept)
    else {
      const value = content[entry.key]
      const inner: Record<string, Json> = {}
      if (!isJsonObject(value)) continue
      for (const key of entry.only) keep(value, key, inner)
      if (Object.keys(inner).length > 0) kept[entry.key] = inner
    }
  }
  return kept
}

function keep(from: JsonObject, key: string, to: Record<string, Json>): void {
  const value = Object.hasOwn(from, key) ? from[key] : undefined
  if (value !== undefined) to[key] = value
}
