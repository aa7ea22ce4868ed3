/**
 * The devices and keys of other servers' users as they are kept here: fetched when somebody asks for them first, kept up
 * to date by updates as long as a room is shared. A list that missed an update is stale until it is fetched again.
 */
import type { UserId } from '../../../core/ids.ts'
import type { Clock } from '../../../platform/clock.ts'
import {
  listCrossSigningKeys,
  removeCrossSigningKeys,
  setCrossSigningKey,
  type StoredCrossSigningKey,
  usages,
} from '../../../storage/cross-signing.ts'
import type { Database, Tx } from '../../../storage/database.ts'
import {
  listDeviceKeys,
  removeKeysOfDevices,
  setRemoteDeviceKeys,
  type StoredDeviceKeys,
} from '../../../storage/device-keys.ts'
import {
  addRemoteLists,
  listRemoteLists,
  markFetched,
  type RemoteDeviceList,
  removeRemoteLists,
} from '../../../storage/remote-device-lists.ts'
import type { DeviceLists } from '../../devices/device-lists.ts'
import type { KeysOfUser } from './said-keys.ts'

/** How long who asks first has for it. After that the list is fetched in the background. */
const FIRST_FETCH_MS = 60_000

/** A list that is about to be fetched. */
export interface Begun {
  /** As it was before; an update that comes meanwhile makes it stale again. */
  readonly version: number
  /** Nobody here knows anything of it yet. */
  readonly isNew: boolean
}

export interface FetchedList {
  readonly keys: KeysOfUser
  readonly streamId?: number
  readonly begun: Begun
}

export interface RemoteDeviceListsParts {
  readonly database: Database
  readonly clock: Clock
  readonly deviceLists: DeviceLists
}

export class RemoteDeviceLists {
  readonly #parts: RemoteDeviceListsParts

  constructor(parts: RemoteDeviceListsParts) {
    this.#parts = parts
  }

  /** Makes sure, before anybody is asked, that no update of these lists gets lost, even if the server stops. */
  async begin(userIds: readonly UserId[]): Promise<ReadonlyMap<UserId, Begun>> {
    const { database, clock } = this.#parts
    const known = byUser(await listRemoteLists(database, userIds))
    const missing = userIds.filter((userId) => !known.has(userId))
    if (missing.length > 0) {
      await database.transaction('begin device lists', (tx) =>
        addRemoteLists(tx, missing, clock.now() + FIRST_FETCH_MS),
      )
    }
    return new Map(
      userIds.map((userId) => {
        const list = known.get(userId)
        return [userId, list ? { version: list.version, isNew: false } : { version: 0, isNew: true }]
      }),
    )
  }

  /** Puts lists in the place of those that were there, and tells our users whose are others now. */
  async keep(lists: readonly FetchedList[]): Promise<void> {
    const { database, deviceLists } = this.#parts
    const userIds = lists.map(({ keys }) => keys.userId)
    await database.transaction('keep device lists', async (tx) => {
      const known = byUser(await listRemoteLists(tx, userIds))
      const devices = Map.groupBy(await listDeviceKeys(tx, userIds), ({ userId }) => userId)
      const crossSigning = Map.groupBy(await listCrossSigningKeys(tx, userIds), ({ userId }) => userId)
      for (const { keys, streamId, begun } of lists) {
        const { userId } = keys
        if (!known.has(userId)) continue // forgotten meanwhile
        await markFetched(tx, { userId, streamId, version: begun.version })
        const before = { devices: devices.get(userId) ?? [], crossSigning: crossSigning.get(userId) ?? [] }
        if (!(await replace(tx, before, keys)) || begun.isNew) continue
        await deviceLists.tellOurs(tx, userId)
      }
    })
  }

  /** No room is shared with these users any more. */
  async forget(userIds: readonly UserId[]): Promise<void> {
    await this.#parts.database.transaction('forget device lists', (tx) => removeRemoteLists(tx, userIds))
  }
}

type Contents = Omit<KeysOfUser, 'userId'>

/** Whether anything is different. */
async function replace(tx: Tx, before: Contents, { userId, devices, crossSigning }: KeysOfUser): Promise<boolean> {
  const oldDevices = new Map(before.devices.map((device) => [device.deviceId, device]))
  const oldKeys = new Map(before.crossSigning.map((key) => [key.usage, key]))
  const changedDevices = devices.filter((device) => !isSameDevice(device, oldDevices.get(device.deviceId)))
  const changedKeys = crossSigning.filter((key) => !isSameKey(key, oldKeys.get(key.usage)))
  const left = new Set(devices.map(({ deviceId }) => deviceId))
  const goneDevices = [...oldDevices.keys()].filter((deviceId) => !left.has(deviceId))
  const goneKeys = usages.filter((usage) => oldKeys.has(usage) && !crossSigning.some((key) => key.usage === usage))
  await setRemoteDeviceKeys(tx, changedDevices)
  await removeKeysOfDevices(tx, userId, goneDevices)
  for (const key of changedKeys) await setCrossSigningKey(tx, key)
  await removeCrossSigningKeys(tx, userId, goneKeys)
  return [changedDevices, changedKeys, goneDevices, goneKeys].some((changes) => changes.length > 0)
}

function isSameDevice(one: StoredDeviceKeys, other: StoredDeviceKeys | undefined): boolean {
  return one.keys === other?.keys && one.displayName === other.displayName
}

function isSameKey(one: StoredCrossSigningKey, other: StoredCrossSigningKey | undefined): boolean {
  return one.keys === other?.keys
}

function byUser(lists: readonly RemoteDeviceList[]): Map<UserId, RemoteDeviceList> {
  return new Map(lists.map((list) => [list.userId, list]))
}
