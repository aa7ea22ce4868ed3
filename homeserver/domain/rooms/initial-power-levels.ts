/** The power levels a room begins with. https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { JsonObject } from '../../core/event.ts'
import type { UserId } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'

/** Calls: everybody may take part, which would take `state_default` without these entries. */
const callMembers = { 'm.call.member': 0, 'org.matrix.msc3401.call.member': 0 } as const
/** In a room that is a call they may even where nobody may write. */
const callRoomMembers = { ...callMembers, 'm.rtc.member': 0, 'org.matrix.msc4143.rtc.member': 0 } as const
const callEvents = { 'm.rtc.slot': 50, 'org.matrix.msc3401.call': 100, 'org.matrix.msc4143.rtc.slot': 50 } as const

const events = {
  'm.room.avatar': 50,
  'm.room.canonical_alias': 50,
  'm.room.encryption': 100,
  'm.room.history_visibility': 100,
  'm.room.name': 50,
  'm.room.power_levels': 100,
  'm.room.server_acl': 100,
} as const

/** The level of creators before they had power without limit. */
export const creatorLevel = 100

/** `override` comes from the client: its `events` are merged into ours, its other keys replace ours. */
export function initialPowerLevels({
  version,
  users,
  isCall,
  override = {},
}: {
  readonly version: RoomVersion
  /** Those who get the level of a creator; none of them a privileged creator. */
  readonly users: readonly UserId[]
  /** Whether the room is a call itself. */
  readonly isCall: boolean
  readonly override?: JsonObject | undefined
}): JsonObject {
  const { events: given = {} } = override
  // Replacing a room is for its creators alone where they have power without limit.
  const tombstone = version.privilegedCreators ? 150 : 100
  const content = {
    ban: 50,
    events_default: 0,
    invite: 50,
    kick: 50,
    redact: 50,
    state_default: 50,
    users: Object.fromEntries(users.map((userId) => [userId, creatorLevel])),
    users_default: 0,
    ...override,
    // What is no object is for the authorisation rules to refuse.
    events: isJsonObject(given) ? { ...events, 'm.room.tombstone': tombstone, ...given } : given,
  }
  return withCallLevels(content, isCall)
}

/** Adds what calls need, where nothing is said of it. In a room for announcements nobody has called for calls of all. */
export function withCallLevels(content: JsonObject, isCall: boolean): JsonObject {
  const { events: given = {}, events_default: eventsDefault = 0 } = content
  if (!isJsonObject(given)) return content
  const members = isCall ? callRoomMembers : Number(eventsDefault) > 0 ? {} : callMembers
  return { ...content, events: { ...members, ...callEvents, ...given } }
}
