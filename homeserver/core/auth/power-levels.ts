/**
 * Power levels of a room. https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels
 *
 * Levels are read from the event's content when asked for: a look-up costs less than any parsed copy would.
 */
import { isJsonObject, NumberLiteral } from '../canonical-json.ts'
import type { Json, JsonObject, Pdu } from '../event.ts'
import type { RoomVersion } from '../room-version.ts'
import type { AuthState } from './verdict.ts'

/** A safe integer, a BigInt beyond them (room versions 1 to 5), or Infinity for creators (12). Equal levels are `===`. */
export type Level = number | bigint

export interface PowerLevels {
  readonly version: RoomVersion
  readonly create: Pdu | undefined
  /** Of the `m.room.power_levels` event, or undefined while there is none. */
  readonly content: JsonObject | undefined
}

export const levelDefaults = {
  ban: 50,
  events_default: 0,
  invite: 0,
  kick: 50,
  redact: 50,
  state_default: 50,
  users_default: 0,
} as const
export type LevelName = keyof typeof levelDefaults
const creatorLevel = 100

export function powerLevelsOf(state: AuthState, version: RoomVersion): PowerLevels {
  return {
    version,
    create: state.get('m.room.create', '')?.pdu,
    content: state.get('m.room.power_levels', '')?.pdu.content,
  }
}

/** The level of `ban`, `invite` and so on, or its default. */
export function namedLevel(levels: PowerLevels, name: LevelName): Level {
  return parseLevel(levels.content?.[name], levels.version) ?? levelDefaults[name]
}

export function userLevel(levels: PowerLevels, userId: string): Level {
  if (isPrivilegedCreator(levels, userId)) return Infinity
  const { content, create, version } = levels
  if (content) return entryLevel(levels, 'users', userId) ?? namedLevel(levels, 'users_default')
  return create && creatorOf(create, version) === userId ? creatorLevel : levelDefaults.users_default
}

/** The *required power level* of an event type. */
export function requiredLevel(levels: PowerLevels, type: string, kind: 'state' | 'message'): Level {
  return entryLevel(levels, 'events', type) ?? namedLevel(levels, kind === 'state' ? 'state_default' : 'events_default')
}

/** The one who made the room; `create` is its create event. */
export function creatorOf(create: Pdu, version: RoomVersion): Json | undefined {
  return version.creatorFromSender ? create.sender : create.content['creator']
}

/** The creators named beside the sender of the create event. Without meaning before room version 12. */
export function additionalCreators(create: Pdu): readonly string[] {
  const creators = create.content['additional_creators']
  // Rule 1.4 lets nothing but lists of user ids through.
  return Array.isArray(creators) ? (creators as string[]) : []
}

function isPrivilegedCreator({ create, version }: PowerLevels, userId: string): boolean {
  if (!create || !version.privilegedCreators) return false
  return create.sender === userId || additionalCreators(create).includes(userId)
}

/** Undefined for what the room version does not accept as a level. */
export function parseLevel(value: Json | undefined, version: RoomVersion): Level | undefined {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  if (version.integerPowerLevels) return undefined
  // https://spec.matrix.org/v1.19/rooms/v1/#mroompower_levels-events-accept-values-as-strings, and as floats
  if (typeof value === 'bigint') return asLevel(value)
  if (typeof value === 'string') return /^[+-]?\d+$/.test(value.trim()) ? asLevel(BigInt(value.trim())) : undefined
  if (typeof value === 'number' || value instanceof NumberLiteral) return asLevel(BigInt(Math.trunc(Number(value))))
  return undefined
}

function entryLevel(levels: PowerLevels, map: 'events' | 'users', key: string): Level | undefined {
  const entries = levels.content?.[map]
  return isJsonObject(entries) && Object.hasOwn(entries, key) ? parseLevel(entries[key], levels.version) : undefined
}

function asLevel(value: bigint): Level {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
