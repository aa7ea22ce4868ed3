/** Updates of device lists and cross-signing keys that other servers send. https://spec.matrix.org/v1.19/server-server-api/#device-management */
import type { Json, JsonObject } from '../../../core/event.ts'
import { type DeviceId, isUserId, serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import type { Clock } from '../../../platform/clock.ts'
import { listCrossSigningKeys, removeCrossSigningKeys, setCrossSigningKey } from '../../../storage/cross-signing.ts'
import type { Database, Tx } from '../../../storage/database.ts'
import {
  countDeviceKeys,
  findDeviceKeys,
  removeKeysOfDevices,
  setRemoteDeviceKeys,
} from '../../../storage/device-keys.ts'
import {
  findRemoteList,
  markStale,
  type RemoteDeviceList,
  setRemoteStreamId,
} from '../../../storage/remote-device-lists.ts'
import type { DeviceLists } from '../../devices/device-lists.ts'
import { maxDevices } from '../../limits.ts'
import type { Edu, EduReceiver } from '../receive/edu-receiver.ts'
import { isStreamId } from './ask-keys.ts'
import { crossSigningOf, deviceOf, isDeviceId } from './said-keys.ts'
import type { SharedRooms } from './shared-rooms.ts'
import type { UnplacedUpdates } from './unplaced-updates.ts'

interface DeviceUpdate {
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly streamId: number
  /** Updates that came before, which this one builds on. */
  readonly prevIds: readonly Json[]
  readonly isDeleted: boolean
  readonly keys: Json | undefined
  readonly name: Json | undefined
}

export interface UpdateReceiverParts {
  readonly database: Database
  readonly clock: Clock
  readonly deviceLists: DeviceLists
  readonly sharedRooms: SharedRooms
  readonly unplaced: Pick<UnplacedUpdates, 'note'>
  /** A list has become stale. */
  readonly onStale: () => void
}

export class UpdateReceiver implements EduReceiver {
  readonly #parts: UpdateReceiverParts

  constructor(parts: UpdateReceiverParts) {
    this.#parts = parts
  }

  /** A server speaks for its own users alone (T30). */
  async receive(origin: ServerName, { type, content }: Edu): Promise<void> {
    const { user_id: userId } = content
    if (!isUserId(userId) || serverNameOf(userId) !== origin) return
    if (type === 'm.signing_key_update') return await this.#updateCrossSigning(userId, content)
    const update = type === 'm.device_list_update' ? updateIn(userId, content) : undefined
    if (update) await this.#updateDevice(update)
  }

  async #updateDevice(update: DeviceUpdate): Promise<void> {
    const { userId, deviceId, streamId, prevIds, isDeleted, keys, name } = update
    await this.#change(userId, 'update remote device', async (tx, known) => {
      // Without keys there is nothing that anybody could be told of the device.
      if (!known) return isDeleted || keys !== undefined ? 'changed' : 'known'
      if (known.streamId === streamId) return 'known'
      const isNext = prevIds.length > 0 && prevIds.every((id) => id === known.streamId)
      const device = isDeleted ? undefined : deviceOf(userId, { deviceId, keys, name })
      if (!isNext || (!isDeleted && keys !== undefined && !device)) return 'stale'
      const before = await findDeviceKeys(tx, userId, deviceId)
      if (device && before === undefined && (await countDeviceKeys(tx, userId)) >= maxDevices) return 'stale'
      if (device) await setRemoteDeviceKeys(tx, [device])
      else await removeKeysOfDevices(tx, userId, [deviceId])
      await setRemoteStreamId(tx, userId, streamId)
      return device || before !== undefined ? 'changed' : 'known'
    })
  }

  async #updateCrossSigning(userId: UserId, content: JsonObject): Promise<void> {
    const { master_key: master, self_signing_key: selfSigning } = content
    await this.#change(userId, 'update remote cross-signing keys', async (tx, known) => {
      if (!known) return 'changed'
      const before = (await listCrossSigningKeys(tx, [userId])).find(({ usage }) => usage === 'master')
      const keys = crossSigningOf(userId, { master, selfSigning }, before?.publicKey)
      if (keys.length < [master, selfSigning].filter((said) => said !== undefined).length) return 'stale'
      const after = keys.find(({ usage }) => usage === 'master')
      // What another master key signed is worth nothing now.
      if (after && after.publicKey !== before?.publicKey) await removeCrossSigningKeys(tx, userId, ['self_signing'])
      for (const key of keys) await setCrossSigningKey(tx, key)
      return keys.length > 0 ? 'changed' : 'known'
    })
  }

  /**
   * Applies a change to a list that is up to date. Of a list that is not kept here our users are told that it changed, if
   * it did: who cares asks for it.
   */
  async #change(
    userId: UserId,
    name: string,
    apply: (tx: Tx, known: RemoteDeviceList | undefined) => Promise<'changed' | 'known' | 'stale'>,
  ): Promise<void> {
    const { database, clock, deviceLists, sharedRooms, unplaced, onStale } = this.#parts
    if (!(await sharedRooms.sharing([userId])).has(userId)) return await unplaced.note(userId)
    await database.transaction(name, async (tx) => {
      const list = await findRemoteList(tx, userId)
      const result = list?.isStale === true ? 'stale' : await apply(tx, list)
      if (result === 'changed') await deviceLists.tellOurs(tx, userId)
      if (result !== 'stale') return
      await markStale(tx, userId, clock.now())
      tx.onCommit(onStale)
    })
  }
}

/** Undefined for what is no update. */
function updateIn(userId: UserId, content: JsonObject): DeviceUpdate | undefined {
  const { device_id: deviceId, stream_id: streamId, prev_id: prevIds = [], deleted, keys } = content
  if (!isDeviceId(deviceId) || !isStreamId(streamId) || !Array.isArray(prevIds)) return undefined
  const name = content['device_display_name']
  return { userId, deviceId, streamId, prevIds, isDeleted: deleted === true, keys, name }
}
