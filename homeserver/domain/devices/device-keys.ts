/** The keys that devices publish. https://spec.matrix.org/v1.19/client-server-api/#key-management-api */
import { notFound } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import type { DeviceId, UserId } from '../../core/ids.ts'
import type { Database, Tx } from '../../storage/database.ts'
import { findDeviceKeys, setDeviceKeys } from '../../storage/device-keys.ts'
import { hasDevice } from '../../storage/sessions.ts'
import type { DeviceLists } from './device-lists.ts'
import { type KeyObjects, type OneTimeKeys, parseKeyObjects } from './one-time-keys.ts'
import { coveredText, parseDeviceKeys, parseStored, signaturesOf, storedText, withSignatures } from './signed-keys.ts'

export interface KeyUpload {
  readonly device_keys?: JsonObject | undefined
  readonly one_time_keys?: KeyObjects | undefined
  readonly fallback_keys?: KeyObjects | undefined
}

export class DeviceKeys {
  readonly #database: Database
  readonly #deviceLists: DeviceLists
  readonly #oneTimeKeys: OneTimeKeys

  constructor(parts: { database: Database; deviceLists: DeviceLists; oneTimeKeys: OneTimeKeys }) {
    this.#database = parts.database
    this.#deviceLists = parts.deviceLists
    this.#oneTimeKeys = parts.oneTimeKeys
  }

  /**
   * Publishes what is given, all or nothing, and tells how many one-time keys the device has then. Throws `M_BAD_JSON`
   * for malformed keys or those of another device, 400 if another one-time key of the same name waits already.
   */
  async upload(userId: UserId, deviceId: DeviceId, upload: KeyUpload): Promise<Record<string, number>> {
    const isEmpty = !upload.device_keys && !upload.one_time_keys && !upload.fallback_keys
    if (!isEmpty) {
      await this.#database.transaction('upload keys', async (tx) => {
        if (!(await hasDevice(tx, userId, deviceId))) throw notFound('This device has been deleted')
        await this.publish(tx, userId, deviceId, upload)
      })
    }
    return (await this.#oneTimeKeys.left(userId, deviceId)).counts
  }

  /** The same within a transaction, also for a dehydrated device. */
  async publish(tx: Tx, userId: UserId, deviceId: DeviceId, upload: KeyUpload): Promise<void> {
    if (upload.device_keys) await this.#setIdentity(tx, userId, deviceId, upload.device_keys)
    await this.#oneTimeKeys.publish(tx, userId, deviceId, {
      oneTime: parseKeyObjects('one_time_keys', upload.one_time_keys),
      fallback: parseKeyObjects('fallback_keys', upload.fallback_keys),
    })
  }

  /** Keys that are known keep the signatures they got since. */
  async #setIdentity(tx: Tx, userId: UserId, deviceId: DeviceId, value: JsonObject): Promise<void> {
    const keys = parseDeviceKeys(value, userId, deviceId)
    const known = await findDeviceKeys(tx, userId, deviceId)
    const old = known === undefined ? undefined : parseStored(known)
    const isSame = old !== undefined && coveredText(old) === coveredText(keys)
    const text = storedText(isSame ? withSignatures(old, userId, signaturesOf(keys, userId)) : keys)
    if (text === known) return
    await setDeviceKeys(tx, userId, deviceId, text)
    await this.#deviceLists.announce(tx, userId, { devices: [deviceId] })
  }
}
