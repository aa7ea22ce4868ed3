/** Power levels on both sides of an upgrade. */
import { isCallRoom } from '../../core/call-rooms.ts'
import { isJsonObject } from '../../core/canonical-json.ts'
import {
  additionalCreators,
  creatorOf,
  namedLevel,
  parseLevel,
  type PowerLevels,
  requiredLevel,
  userLevel,
} from '../../core/auth/power-levels.ts'
import type { Json, JsonObject } from '../../core/event.ts'
import type { UserId } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import type { EventDraft } from './build.ts'
import { creatorLevel, initialPowerLevels, withCallLevels } from './initial-power-levels.ts'

/** The new room: who makes it, and who has power without limit in it. */
export interface Founding {
  readonly version: RoomVersion
  readonly founder: UserId
  readonly additionalCreators: readonly UserId[]
}

/**
 * The levels of the old room, made to fit the new one. Who replaces a room may have too little power there to set all of
 * `state`: then `first` lends it, and `last` takes it back.
 */
export function foundingPowerLevels(
  old: PowerLevels,
  founding: Founding,
  state: readonly EventDraft[],
): { readonly first: JsonObject; readonly last: JsonObject | undefined } {
  const { version, founder } = founding
  const content = fitted(old, founding)
  if (version.privilegedCreators) return { first: content, last: undefined }
  const levels: PowerLevels = { version, create: undefined, content }
  const needed = ['m.room.power_levels', ...state.map(({ type }) => type)]
    .map((type) => requiredLevel(levels, type, 'state'))
    .reduce((a, b) => (b > a ? b : a))
  if (userLevel(levels, founder) >= needed) return { first: content, last: undefined }
  return { first: { ...content, users: { ...mapOf(content['users']), [founder]: needed } }, last: content }
}

function fitted(old: PowerLevels, { version, founder, additionalCreators: others }: Founding): JsonObject {
  const isCall = isCallRoom(old.create?.content['type'])
  const content = plainLevels(
    old.content ?? initialPowerLevels({ version: old.version, users: oldCreators(old), isCall }),
    old.version,
  )
  const users = { ...mapOf(content['users']) }
  if (version.privilegedCreators) {
    for (const id of [founder, ...others]) delete users[id]
  } else if (old.version.privilegedCreators) {
    for (const id of oldCreators(old)) users[id] = creatorLevel
  }
  const events = mapOf(content['events'])
  // Replacing the room is for more than whoever may set other state, who would be the next to do it.
  const tombstone = version.privilegedCreators ? { 'm.room.tombstone': tombstoneLevel(old) } : {}
  return withCallLevels({ ...content, users, events: { ...events, ...tombstone } }, isCall)
}

/** Levels as integers: later versions take no others. What the old room did not take for a level goes. */
function plainLevels(content: JsonObject, version: RoomVersion): JsonObject {
  const plain = Object.entries(content).map(([name, value]) => [
    name,
    isJsonObject(value) ? plainLevels(value, version) : parseLevel(value, version),
  ])
  return Object.fromEntries(plain.filter(([, value]) => value !== undefined)) as JsonObject // made of levels
}

function oldCreators({ create, version }: PowerLevels): UserId[] {
  if (!create) return []
  const others = version.privilegedCreators ? additionalCreators(create) : []
  // A create event that was accepted names users.
  return [creatorOf(create, version) as UserId, ...(others as readonly UserId[])]
}

function tombstoneLevel(old: PowerLevels): Json {
  const stateDefault = namedLevel(old, 'state_default')
  const present = requiredLevel(old, 'm.room.tombstone', 'state')
  const wanted = Number(stateDefault) >= 150 ? Number(stateDefault) + 1 : 150
  return present > wanted ? present : wanted
}

/** The levels that close the old room to those without power; undefined if they do already. */
export function closedPowerLevels(levels: PowerLevels): JsonObject | undefined {
  const closed = Math.max(50, Number(namedLevel(levels, 'users_default')) + 1)
  const raised = (['events_default', 'invite'] as const).filter((name) => namedLevel(levels, name) < closed)
  if (raised.length === 0) return undefined
  return { ...levels.content, ...Object.fromEntries(raised.map((name) => [name, closed])) }
}

function mapOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {}
}
