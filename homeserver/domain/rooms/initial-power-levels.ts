/** The power levels a room begins with. https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { JsonObject } from '../../core/event.ts'
import type { UserId } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'

/** Everybody may join calls; without these entries that would take `state_default`. design: rtc, "Power levels" */
const callMembers = { 'm.call.member': 0, 'org.matrix.msc3401.call.member': 0 } as const

const events = {
  'm.room.avatar': 50,
  'm.room.canonical_alias': 50,
  'm.room.encryption': 100,
  'm.room.history_visibility': 100,
  'm.room.name': 50,
  'm.room.power_levels': 100,
  'm.room.server_acl': 100,
  'm.rtc.slot': 50,
  'org.matrix.msc3401.call': 100,
  'org.matrix.msc4143.rtc.slot': 50,
} as const

/** The level of creators before they had power without limit. */
export const creatorLevel = 100

/** `override` comes from the client: its `events` are merged into ours, its other keys replace ours. */
export function initialPowerLevels({
  version,
  users,
  override = {},
}: {
  readonly version: RoomVersion
  /** Those who get the level of a creator; none of them a privileged creator. */
  readonly users: readonly UserId[]
  readonly override?: JsonObject | undefined
}): JsonObject {
  const isAnnouncement = Number(override['events_default'] ?? 0) > 0
  return {
    ban: 50,
    events_default: 0,
    invite: 50,
    kick: 50,
    redact: 50,
    state_default: 50,
    users: Object.fromEntries(users.map((userId) => [userId, creatorLevel])),
    users_default: 0,
    ...override,
    events: mergedEvents(version, override, isAnnouncement ? {} : callMembers),
  }
}

function mergedEvents(version: RoomVersion, override: JsonObject, calls: JsonObject): JsonObject[string] {
  const own = override['events']
  if (own !== undefined && !isJsonObject(own)) return own // for the authorisation rules to refuse
  // Replacing a room is for its creators alone where they have power without limit.
  return { ...events, 'm.room.tombstone': version.privilegedCreators ? 150 : 100, ...calls, ...own }
}
