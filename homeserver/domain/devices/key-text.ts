/** Keys as they are given out: stored texts are joined, not parsed. */
import type { UserId } from '../../core/ids.ts'
import type { StoredCrossSigningKey, Usage } from '../../storage/cross-signing.ts'
import type { StoredDeviceKeys } from '../../storage/device-keys.ts'
import type { ClaimedKey } from '../../storage/one-time-keys.ts'
import type { WantedKeys } from './key-directory.ts'
import { nameOf } from './one-time-keys.ts'

/** User → device → keys, for each of the users; of their devices those that are wanted. */
export function devicesText(
  userIds: readonly UserId[],
  devices: readonly StoredDeviceKeys[],
  wanted: WantedKeys,
): string {
  const byUser = new Map<UserId, string[]>(userIds.map((userId) => [userId, []]))
  for (const device of devices) {
    const asked = wanted[device.userId] ?? []
    if (asked.length > 0 && !asked.includes(device.deviceId)) continue
    byUser.get(device.userId)?.push(member(device.deviceId, deviceText(device)))
  }
  return object([...byUser].map(([userId, members]) => member(userId, object(members))))
}

/** Stored keys have no `unsigned`, and are never an empty object. */
function deviceText({ keys, displayName }: StoredDeviceKeys): string {
  if (displayName === null) return keys
  return `${keys.slice(0, -1)},"unsigned":{"device_display_name":${JSON.stringify(displayName)}}}`
}

/** User → key, of those for one usage. */
export function crossSigningText(
  keys: readonly StoredCrossSigningKey[],
  wanted: Usage,
  textOf: (key: StoredCrossSigningKey) => string = ({ keys: text }) => text,
): string {
  return object(keys.filter(({ usage }) => usage === wanted).map((key) => member(key.userId, textOf(key))))
}

/** User → device → `algorithm:id` → key. */
export function claimedText(keys: readonly ClaimedKey[]): string {
  const users = [...Map.groupBy(keys, ({ userId }) => userId)].map(([userId, ofUser]) =>
    member(userId, object(ofUser.map((key) => member(key.deviceId, object([member(nameOf(key), key.json)]))))),
  )
  return object(users)
}

export function member(name: string, json: string): string {
  return `${JSON.stringify(name)}:${json}`
}

export function object(members: readonly string[]): string {
  return `{${members.join(',')}}`
}
