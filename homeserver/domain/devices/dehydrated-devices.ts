/** Dehydrated devices: https://github.com/matrix-org/matrix-spec-proposals/pull/3814 */
import { badJson, invalidParam, missingParam, notFound, tooLarge } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import { type DeviceId, fitsId, type UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database, Tx } from '../../storage/database.ts'
import { addDehydratedDevice, type DehydratedDevice, findDehydratedDevice } from '../../storage/dehydrated-devices.ts'
import { addDevice } from '../../storage/devices.ts'
import { removeDevices } from '../../storage/sessions.ts'
import { listToDeviceMessages, type QueuedMessage } from '../../storage/to-device.ts'
import { maxDehydratedDeviceBytes, maxDeviceNameLength } from '../limits.ts'
import type { DeviceKeys, KeyUpload } from './device-keys.ts'
import type { Devices } from './devices.ts'

export interface Dehydration extends KeyUpload {
  readonly deviceId: DeviceId
  readonly deviceData: JsonObject
  readonly displayName: string | undefined
}

const EVENTS_PAGE = 100

export class DehydratedDevices {
  readonly #database: Database
  readonly #clock: Clock
  readonly #devices: Devices
  readonly #deviceKeys: DeviceKeys

  constructor(parts: { database: Database; clock: Clock; devices: Devices; deviceKeys: DeviceKeys }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#devices = parts.devices
    this.#deviceKeys = parts.deviceKeys
  }

  /** Puts the user's dehydrated device in the place of the one before, with its keys. */
  async put(userId: UserId, { deviceId, deviceData, displayName, ...keys }: Dehydration): Promise<void> {
    const text = JSON.stringify(deviceData)
    if (!fitsId(deviceId)) throw invalidParam('The device id is too long')
    if (!keys.device_keys) throw missingParam('A dehydrated device needs device_keys')
    if (typeof deviceData['algorithm'] !== 'string') throw badJson('device_data.algorithm is not a text')
    if (Buffer.byteLength(text) > maxDehydratedDeviceBytes) throw tooLarge('The device is too large')
    if (displayName !== undefined && displayName.length > maxDeviceNameLength) throw tooLarge('The name is too long')
    await this.#database.transaction('put dehydrated device', async (tx) => {
      await this.#remove(tx, userId)
      const hidden = { displayName, createdTs: this.#clock.now(), isHidden: true }
      if (!(await addDevice(tx, userId, deviceId, hidden))) throw invalidParam('You have a device of this id')
      await addDehydratedDevice(tx, userId, { deviceId, deviceData: text })
      await this.#deviceKeys.publish(tx, userId, deviceId, keys)
    })
  }

  /** Throws `M_NOT_FOUND`. */
  async get(userId: UserId): Promise<DehydratedDevice> {
    const device = await findDehydratedDevice(this.#database, userId)
    if (!device) throw noDevice()
    return device
  }

  /** Gives the id of the device that was. Throws `M_NOT_FOUND`. */
  async delete(userId: UserId): Promise<DeviceId> {
    return await this.#database.transaction('delete dehydrated device', async (tx) => {
      const deviceId = await this.#remove(tx, userId)
      if (deviceId === undefined) throw noDevice()
      return deviceId
    })
  }

  /** The messages after one. They stay until the device goes, so that whoever wakes it up can begin again. */
  async events(userId: UserId, deviceId: DeviceId, after: number): Promise<QueuedMessage[]> {
    const device = await this.get(userId)
    if (device.deviceId !== deviceId) throw noDevice()
    const upto = Number.MAX_SAFE_INTEGER
    return await listToDeviceMessages(this.#database, userId, deviceId, { after, upto, limit: EVENTS_PAGE })
  }

  async #remove(tx: Tx, userId: UserId): Promise<DeviceId | undefined> {
    const old = await findDehydratedDevice(tx, userId)
    if (!old) return undefined
    await removeDevices(tx, userId, [old.deviceId])
    await this.#devices.devicesRemoved(tx, userId, [old.deviceId])
    return old.deviceId
  }
}

function noDevice() {
  return notFound('You have no dehydrated device')
}
