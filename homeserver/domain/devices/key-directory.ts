/** Answers who asks for the keys of others, thousands of them at once. https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery */
import { isUserId, serverNameOf, type DeviceId, type ServerName, type UserId } from '../../core/ids.ts'
import {
  listCrossSigningKeys,
  listUserSignatures,
  type StoredCrossSigningKey,
  type Usage,
  type UserSignature,
} from '../../storage/cross-signing.ts'
import type { Database } from '../../storage/database.ts'
import { listDeviceKeys, type StoredDeviceKeys } from '../../storage/device-keys.ts'
import { nameOf, type OneTimeKeys } from './one-time-keys.ts'
import { parseStored, storedText, withSignatures } from './signed-keys.ts'

/** User → devices; no devices stand for all of them. */
export type WantedKeys = Readonly<Record<string, readonly DeviceId[]>>

/** User → device → algorithm. */
export type WantedOneTimeKeys = Readonly<Record<string, Readonly<Record<DeviceId, string>>>>

/** Gives out the keys that local users published, as JSON text: stored keys are joined, not parsed. */
export class KeyDirectory {
  readonly #database: Database
  readonly #serverName: ServerName
  readonly #oneTimeKeys: OneTimeKeys

  constructor(parts: { database: Database; serverName: ServerName; oneTimeKeys: OneTimeKeys }) {
    this.#database = parts.database
    this.#serverName = parts.serverName
    this.#oneTimeKeys = parts.oneTimeKeys
  }

  /** Identity and cross-signing keys. User-signing keys, and signatures by them, are the requester's own alone. */
  async query(requester: UserId, wanted: WantedKeys): Promise<string> {
    const users = Object.keys(wanted).filter((userId) => this.#isLocal(userId))
    const [devices, crossSigning, signatures] = await Promise.all([
      listDeviceKeys(this.#database, users),
      listCrossSigningKeys(this.#database, users),
      listUserSignatures(this.#database, requester, users),
    ])
    const signed = new Map(signatures.map((signature) => [signature.userId, signature]))
    const keysOf = (usage: Usage, textOf: (key: StoredCrossSigningKey) => string = ({ keys }) => keys): string =>
      object(crossSigning.filter((key) => key.usage === usage).map((key) => member(key.userId, textOf(key))))
    const own = crossSigning.filter(({ userId, usage }) => userId === requester && usage === 'user_signing')
    return object([
      member('device_keys', object(deviceMembers(users, devices, wanted))),
      member('failures', '{}'),
      member(
        'master_keys',
        keysOf('master', (key) => masterKey(key, requester, signed.get(key.userId))),
      ),
      member('self_signing_keys', keysOf('self_signing')),
      member('user_signing_keys', object(own.map(({ userId, keys }) => member(userId, keys)))),
    ])
  }

  /** A one-time or fallback key of each device that has one. https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysclaim */
  async claim(wanted: WantedOneTimeKeys): Promise<string> {
    const claims = Object.entries(wanted).flatMap(([userId, devices]) =>
      this.#isLocal(userId)
        ? Object.entries(devices).map(([deviceId, algorithm]) => ({ userId, deviceId, algorithm }))
        : [],
    )
    const byUser = Map.groupBy(await this.#oneTimeKeys.claim(claims), ({ userId }) => userId)
    const users = [...byUser].map(([userId, keys]) =>
      member(userId, object(keys.map((key) => member(key.deviceId, object([member(nameOf(key), key.json)]))))),
    )
    return object([member('failures', '{}'), member('one_time_keys', object(users))])
  }

  #isLocal(userId: string): userId is UserId {
    return isUserId(userId) && serverNameOf(userId) === this.#serverName
  }
}

function deviceMembers(userIds: readonly UserId[], devices: readonly StoredDeviceKeys[], wanted: WantedKeys): string[] {
  const byUser = new Map<UserId, string[]>(userIds.map((userId) => [userId, []]))
  for (const device of devices) {
    const asked = wanted[device.userId] ?? []
    if (asked.length > 0 && !asked.includes(device.deviceId)) continue
    byUser.get(device.userId)?.push(member(device.deviceId, deviceText(device)))
  }
  return [...byUser].map(([userId, members]) => member(userId, object(members)))
}

/** Stored keys have no `unsigned`, and are never an empty object. */
function deviceText({ keys, displayName }: StoredDeviceKeys): string {
  if (displayName === null) return keys
  return `${keys.slice(0, -1)},"unsigned":{"device_display_name":${JSON.stringify(displayName)}}}`
}

function masterKey(
  { publicKey, keys }: StoredCrossSigningKey,
  requester: UserId,
  signature: UserSignature | undefined,
): string {
  if (signature?.publicKey !== publicKey) return keys
  return storedText(withSignatures(parseStored(keys), requester, signature.signatures))
}

function member(name: string, json: string): string {
  return `${JSON.stringify(name)}:${json}`
}

function object(members: readonly string[]): string {
  return `{${members.join(',')}}`
}
