/** A user's devices. https://spec.matrix.org/v1.19/client-server-api/#device-management */
import { invalidParam, notFound, tooLarge } from '../../core/errors.ts'
import { type DeviceId, fitsId, type UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database, Tx } from '../../storage/database.ts'
import { removeDehydratedDevice } from '../../storage/dehydrated-devices.ts'
import { removeKeysOfDevices } from '../../storage/device-keys.ts'
import { addDevice, type Device, findDevice, listDevices, setDeviceName } from '../../storage/devices.ts'
import type { Streams } from '../../storage/streams.ts'
import { removeMessagesOfDevices } from '../../storage/to-device.ts'
import type { DeviceBelongings } from '../accounts/hooks.ts'
import { maxDeviceNameLength } from '../limits.ts'
import type { DeviceLists } from './device-lists.ts'
import type { OneTimeKeys } from './one-time-keys.ts'

export type { Device }

export class Devices implements DeviceBelongings {
  readonly #database: Database
  readonly #streams: Streams
  readonly #clock: Clock
  readonly #deviceLists: DeviceLists
  readonly #oneTimeKeys: OneTimeKeys

  constructor(parts: {
    database: Database
    streams: Streams
    clock: Clock
    deviceLists: DeviceLists
    oneTimeKeys: OneTimeKeys
  }) {
    this.#database = parts.database
    this.#streams = parts.streams
    this.#clock = parts.clock
    this.#deviceLists = parts.deviceLists
    this.#oneTimeKeys = parts.oneTimeKeys
  }

  async list(userId: UserId): Promise<Device[]> {
    return await listDevices(this.#database, userId)
  }

  /** Throws `M_NOT_FOUND`. */
  async get(userId: UserId, deviceId: DeviceId): Promise<Device> {
    const device = await findDevice(this.#database, userId, deviceId)
    if (!device) throw noDevice()
    return device
  }

  /** Without a name only looks whether there is the device. Throws `M_NOT_FOUND`. */
  async rename(userId: UserId, deviceId: DeviceId, displayName: string | undefined): Promise<void> {
    const device = await this.get(userId, deviceId)
    if (displayName === undefined || displayName === device.displayName) return
    checkName(displayName)
    await this.#database.transaction('rename device', async (tx) => {
      if (!(await setDeviceName(tx, userId, deviceId, displayName))) throw noDevice()
      await this.#deviceLists.announce(tx, userId, { devices: [deviceId] })
    })
  }

  /** A device without a session, as application services make them for their users. False if it is there already. */
  async create(userId: UserId, deviceId: DeviceId, displayName: string | undefined): Promise<boolean> {
    if (!fitsId(deviceId)) throw invalidParam('The device id is too long')
    checkName(displayName)
    return await this.#database.transaction('create device', (tx) =>
      addDevice(tx, userId, deviceId, { displayName, createdTs: this.#clock.now(), isHidden: false }),
    )
  }

  /** Keys and messages go with their device; a key backup stays, it is the user's. */
  async devicesRemoved(tx: Tx, userId: UserId, deviceIds: readonly DeviceId[]): Promise<void> {
    if (deviceIds.length === 0) return
    await this.#streams.remember(tx, 'to_device')
    await removeMessagesOfDevices(tx, userId, deviceIds)
    await removeKeysOfDevices(tx, userId, deviceIds)
    for (const deviceId of deviceIds) {
      await removeDehydratedDevice(tx, userId, deviceId)
      this.#oneTimeKeys.forget(tx, userId, deviceId)
    }
    await this.#deviceLists.announce(tx, userId, { devices: deviceIds })
  }
}

function checkName(name: string | undefined): void {
  if (name !== undefined && name.length > maxDeviceNameLength) {
    throw tooLarge(`A name has at most ${maxDeviceNameLength} characters`)
  }
}

function noDevice() {
  return notFound('You have no such device')
}
