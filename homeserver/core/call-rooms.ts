/**
 * Rooms that are a call: who opens one is in it, and nobody is rung for. https://github.com/matrix-org/matrix-spec-proposals/pull/3417
 */
import type { Json } from './event.ts'

/** The type by which Element makes and shows them. */
export const VOICE_ROOM = 'org.matrix.msc3417.call'

const types: ReadonlySet<Json | undefined> = new Set([VOICE_ROOM, 'm.call', 'io.element.video'])

/** Takes `type` of a create event's content. */
export const isCallRoom = (type: Json | undefined): boolean => types.has(type)

/** What announces a call, or asks into one. */
export const ringTypes: ReadonlySet<string> = new Set([
  'm.call.invite',
  'm.call.notify',
  'm.rtc.invite',
  'm.rtc.notification',
  'org.matrix.msc4075.call.notify',
  'org.matrix.msc4075.rtc.invite',
  'org.matrix.msc4075.rtc.notification',
])
