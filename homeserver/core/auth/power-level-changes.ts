/**
 * Rule 10, on changes of `m.room.power_levels`. https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules
 */
import { isJsonObject } from '../canonical-json.ts'
import type { Json, JsonObject, Pdu } from '../event.ts'
import { isUserId } from '../ids.ts'
import type { RoomVersion } from '../room-version.ts'
import { additionalCreators, levelDefaults, parseLevel, type Level, type PowerLevels } from './power-levels.ts'
import { allow, deny, type Verdict } from './verdict.ts'

const names = Object.keys(levelDefaults)

/** `levels` are those in force, `senderLevel` is what the sender has by them. */
export function checkPowerLevels({ content, sender }: Pdu, levels: PowerLevels, senderLevel: Level): Verdict {
  const { version, content: current } = levels
  const maps = version.checkNotificationLevels ? ['events', 'notifications'] : ['events']
  const { users } = content
  if (!areLevels(users, version) || !Object.keys(users ?? {}).every(isUserId))
    return deny('v12/10.3', 'The levels of users are not integers by user id')
  if (version.privilegedCreators && isJsonObject(users) && holdsCreator(users, levels))
    return deny('v12/10.4', 'Creators of the room have no level of their own')
  // Before version 10 nothing is said of odd levels. They cannot be compared, so they cannot be changes.
  if (current || version.integerPowerLevels) {
    if (!names.every((name) => isLevel(content[name], version))) return deny('v12/10.1', 'A level is not an integer')
    if (!maps.every((map) => areLevels(content[map], version))) return deny('v12/10.2', 'A level is not an integer')
  }
  if (!current) return allow

  const isOutOfReach = ({ before, after }: Change): boolean =>
    exceeds(before, senderLevel) || exceeds(after, senderLevel)
  if (changes(current, content, names, version).some(isOutOfReach))
    return deny('v12/10.6', 'The power level is too low for this change')
  if (maps.some((map) => changesOfMap(current[map], content[map], version).some(isOutOfReach)))
    return deny('v12/10.7', 'The power level is too low for this change')
  for (const { key, before, after } of changesOfMap(current['users'], users, version)) {
    if (key !== sender && before !== undefined && before >= senderLevel)
      return deny('v12/10.9', 'The power level is too low to change that of this user')
    if (exceeds(after, senderLevel)) return deny('v12/10.10', 'Nobody can give a higher power level than their own')
  }
  return allow
}

interface Change {
  readonly key: string
  readonly before: Level | undefined
  readonly after: Level | undefined
}

function changes(current: JsonObject, next: JsonObject, keys: Iterable<string>, version: RoomVersion): Change[] {
  const found: Change[] = []
  for (const key of keys) {
    const before = parseLevel(current[key], version)
    const after = parseLevel(next[key], version)
    if (before !== after) found.push({ key, before, after })
  }
  return found
}

function changesOfMap(current: Json | undefined, next: Json | undefined, version: RoomVersion): Change[] {
  const before = withoutPrototype(current)
  const after = withoutPrototype(next)
  return changes(before, after, new Set([...Object.keys(before), ...Object.keys(after)]), version)
}

/** Event types are free text, so `constructor` may be one. */
function withoutPrototype(value: Json | undefined): JsonObject {
  return Object.assign(Object.create(null) as Record<string, Json>, isJsonObject(value) ? value : {})
}

function exceeds(level: Level | undefined, senderLevel: Level): boolean {
  return level !== undefined && level > senderLevel
}

function isLevel(value: Json | undefined, version: RoomVersion): boolean {
  return value === undefined || parseLevel(value, version) !== undefined
}

function areLevels(value: Json | undefined, version: RoomVersion): boolean {
  return (
    value === undefined ||
    (isJsonObject(value) && Object.values(value).every((level) => parseLevel(level, version) !== undefined))
  )
}

function holdsCreator(users: JsonObject, { create }: PowerLevels): boolean {
  if (!create) return false
  return [create.sender, ...additionalCreators(create)].some((id) => Object.hasOwn(users, id))
}
