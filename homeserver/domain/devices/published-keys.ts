/** The keys of our users, for other servers. https://spec.matrix.org/v1.19/server-server-api/#end-to-end-encryption */
import { invalidParam, notFound } from '../../core/errors.ts'
import { isUserId, serverNameOf, type ServerName, type UserId } from '../../core/ids.ts'
import { findAccount } from '../../storage/accounts.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredDeviceKeys } from '../../storage/device-keys.ts'
import { lastDeviceListUpdate } from '../../storage/untold-key-changes.ts'
import { claimsIn, type WantedKeys, type WantedOneTimeKeys } from './key-directory.ts'
import { claimedText, crossSigningText, devicesText, member, object } from './key-text.ts'
import type { LocalKeys } from './local-keys.ts'
import type { OneTimeKeys } from './one-time-keys.ts'

export class PublishedKeys {
  readonly #database: Database
  readonly #serverName: ServerName
  readonly #localKeys: LocalKeys
  readonly #oneTimeKeys: OneTimeKeys
  readonly #namesDevices: boolean

  /** `namesDevices`: other servers learn how their users call their devices. */
  constructor(parts: {
    database: Database
    serverName: ServerName
    localKeys: LocalKeys
    oneTimeKeys: OneTimeKeys
    namesDevices: boolean
  }) {
    this.#database = parts.database
    this.#serverName = parts.serverName
    this.#localKeys = parts.localKeys
    this.#oneTimeKeys = parts.oneTimeKeys
    this.#namesDevices = parts.namesDevices
  }

  /** Throws `M_INVALID_PARAM` if anybody is not a user of this server. */
  async query(wanted: WantedKeys): Promise<string> {
    const users = this.#localUsers(Object.keys(wanted))
    const { devices, crossSigning } = await this.#localKeys.of(users, wanted)
    return object([
      member('device_keys', devicesText(users, this.#shown(devices), wanted)),
      member('master_keys', crossSigningText(crossSigning, 'master')),
      member('self_signing_keys', crossSigningText(crossSigning, 'self_signing')),
    ])
  }

  /** Throws `M_INVALID_PARAM` if anybody is not a user of this server. */
  async claim(wanted: WantedOneTimeKeys): Promise<string> {
    this.#localUsers(Object.keys(wanted))
    return object([member('one_time_keys', claimedText(await this.#oneTimeKeys.claim(claimsIn(wanted))))])
  }

  /**
   * All devices of a user, as of an update or later: an update that they hold already may still come.
   * Throws `M_NOT_FOUND`, or `M_INVALID_PARAM` for a user of another server.
   */
  async deviceList(userId: string): Promise<string> {
    const [user] = this.#localUsers([userId])
    if (user === undefined || !(await findAccount(this.#database, user))) throw notFound('There is no such user')
    const streamId = await lastDeviceListUpdate(this.#database, user)
    const { devices, crossSigning } = await this.#localKeys.of([user], {})
    const keys = crossSigning.flatMap(({ usage, keys: text }) =>
      usage === 'user_signing' ? [] : [member(`${usage}_key`, text)],
    )
    return object([
      member('devices', `[${this.#shown(devices).map(listedDevice).join(',')}]`),
      member('stream_id', String(streamId)),
      member('user_id', JSON.stringify(user)),
      ...keys,
    ])
  }

  #shown(devices: readonly StoredDeviceKeys[]): readonly StoredDeviceKeys[] {
    return this.#namesDevices ? devices : devices.map((device) => ({ ...device, displayName: null }))
  }

  #localUsers(userIds: readonly string[]): UserId[] {
    return userIds.map((userId) => {
      if (isUserId(userId) && serverNameOf(userId) === this.#serverName) return userId
      throw invalidParam(`${userId} is not a user of this server`)
    })
  }
}

function listedDevice({ deviceId, keys, displayName }: StoredDeviceKeys): string {
  const members = [member('device_id', JSON.stringify(deviceId)), member('keys', keys)]
  if (displayName !== null) members.push(member('device_display_name', JSON.stringify(displayName)))
  return object(members)
}
