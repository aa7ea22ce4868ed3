/**
 * Tells other servers of changes to the devices and keys of our users. The transaction that changes something writes down
 * that it has to be told; what to tell, and to whom, is looked up afterwards, so nobody waits for that and nothing is
 * lost. Updates of a user are numbered one after the other.
 */
import type { JsonObject } from '../../../core/event.ts'
import type { DeviceId, RoomId, ServerName, UserId } from '../../../core/ids.ts'
import type { Service } from '../../../platform/lifecycle.ts'
import { logger } from '../../../platform/log.ts'
import { listCrossSigningKeys } from '../../../storage/cross-signing.ts'
import type { Database, Tx } from '../../../storage/database.ts'
import { listDeviceKeys } from '../../../storage/device-keys.ts'
import { listDevicesOf } from '../../../storage/devices.ts'
import {
  addUntoldChanges,
  advanceDeviceListUpdates,
  crossSigningKeys,
  lastDeviceListUpdate,
  listUsersWithUntoldChanges,
  takeUntoldChanges,
} from '../../../storage/untold-key-changes.ts'
import type { ChangedKeys, KeyAnnouncement } from '../../devices/hooks.ts'
import { parseStored } from '../../devices/signed-keys.ts'
import type { Edu } from '../receive/edu-receiver.ts'
import type { SharedRooms } from './shared-rooms.ts'

/** Whoever brings EDUs to other servers: `Outbox`. */
export interface EduQueue {
  queueEdu(tx: Tx, destinations: Iterable<ServerName>, edu: Edu, key?: string): Promise<void>
}

export interface ToldChangesParts {
  readonly database: Database
  readonly queue: EduQueue
  readonly sharedRooms: SharedRooms
  /** Whether others learn how devices are called. */
  readonly namesDevices: boolean
}

const BATCH = 100

const log = logger('device-lists')

export class ToldChanges implements KeyAnnouncement, Service {
  readonly name = 'device list updates'
  readonly #parts: ToldChangesParts
  #running: Promise<void> = Promise.resolve()
  #isRunning = false
  #isDue = false
  #isStopping = false

  constructor(parts: ToldChangesParts) {
    this.#parts = parts
  }

  /** Tells what was not told before the server stopped. */
  start(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => (this.#isStopping = true), { once: true })
    this.#tellSoon()
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    await this.#running
  }

  async keysChanged(tx: Tx, userId: UserId, { devices = [], crossSigning = false }: ChangedKeys): Promise<void> {
    await addUntoldChanges(tx, userId, crossSigning ? [...devices, crossSigningKeys] : devices)
    tx.onCommit(() => this.#tellSoon())
  }

  /** Tells the devices of a user who came into a room to servers that do not follow him yet. They ask for the rest. */
  async introduce(userId: UserId, roomId: RoomId): Promise<void> {
    const { sharedRooms } = this.#parts
    const inRoom = await sharedRooms.serversIn(roomId)
    if (inRoom.size === 0) return
    const strangers = inRoom.difference(await sharedRooms.serversOf(userId, { except: roomId }))
    if (strangers.size === 0) return
    await this.#introduceTo(strangers, userId)
  }

  /**
   * Tells the devices of our users in a room to servers that were in it unknown to us, and may have missed changes. Those
   * that have left it follow a user as long as they share another room with him.
   */
  async makeUpFor(missed: ReadonlySet<ServerName>, roomId: RoomId): Promise<void> {
    const { sharedRooms } = this.#parts
    for (const userId of await sharedRooms.oursIn(roomId)) {
      const followers = missed.intersection(await sharedRooms.serversOf(userId))
      if (followers.size > 0) await this.#introduceTo(followers, userId, { withoutKeys: true })
    }
  }

  async #introduceTo(
    strangers: ReadonlySet<ServerName>,
    userId: UserId,
    { withoutKeys = false }: { readonly withoutKeys?: boolean } = {},
  ): Promise<void> {
    await this.#parts.database.transaction('introduce devices', async (tx) => {
      const streamId = await lastDeviceListUpdate(tx, userId)
      const deviceIds = (await listDevicesOf(tx, [userId])).map(({ device_id: deviceId }) => deviceId)
      for (const update of await this.#updates(tx, userId, deviceIds)) {
        // Of a device without keys there is nothing to know, unless somebody knows something else.
        if (update['keys'] === undefined && !withoutKeys) continue
        await this.#queue(tx, strangers, { ...update, stream_id: streamId, prev_id: [] })
      }
      await this.#queueCrossSigning(tx, strangers, userId)
    })
  }

  #tellSoon(): void {
    this.#isDue = true
    if (this.#isRunning || this.#isStopping) return
    this.#isRunning = true
    this.#running = this.#tell()
  }

  async #tell(): Promise<void> {
    const { database } = this.#parts
    try {
      while (this.#isDue && !this.#isStopping) {
        this.#isDue = false
        const users = await listUsersWithUntoldChanges(database, BATCH)
        for (const userId of users) await this.#tellOf(userId)
        if (users.length === BATCH) this.#isDue = true
      }
    } catch (error) {
      log.error({ error }, 'changes of keys are not told yet')
    } finally {
      this.#isRunning = false
    }
  }

  async #tellOf(userId: UserId): Promise<void> {
    const { database, sharedRooms } = this.#parts
    const destinations = await sharedRooms.serversOf(userId)
    await database.transaction('tell changed keys', async (tx) => {
      const changed = await takeUntoldChanges(tx, userId)
      if (destinations.size === 0) return
      const deviceIds = changed.filter((deviceId) => deviceId !== crossSigningKeys)
      // A device that is gone is told of under its id.
      const updates = await this.#updates(tx, userId, deviceIds)
      let last = (await advanceDeviceListUpdates(tx, userId, updates.length)) - updates.length
      for (const update of updates) {
        await this.#queue(tx, destinations, { ...update, prev_id: last === 0 ? [] : [last], stream_id: ++last })
      }
      if (changed.length > deviceIds.length) await this.#queueCrossSigning(tx, destinations, userId)
    })
  }

  /** What is to be told of these devices, as they are now. */
  async #updates(tx: Tx, userId: UserId, deviceIds: readonly DeviceId[]): Promise<DeviceNews[]> {
    if (deviceIds.length === 0) return []
    const present = new Set((await listDevicesOf(tx, [userId])).map(({ device_id: deviceId }) => deviceId))
    const keys = new Map((await listDeviceKeys(tx, [userId])).map((device) => [device.deviceId, device]))
    return deviceIds.map((deviceId) => {
      const device = keys.get(deviceId)
      const name = this.#parts.namesDevices ? device?.displayName : undefined
      return {
        user_id: userId,
        device_id: deviceId,
        ...(present.has(deviceId) ? {} : { deleted: true }),
        ...(device ? { keys: parseStored(device.keys) } : {}),
        ...(typeof name === 'string' ? { device_display_name: name } : {}),
      }
    })
  }

  /** Of a server that is long away only the latest of each device waits; it fetches the list for the others. */
  async #queue(tx: Tx, destinations: Iterable<ServerName>, content: DeviceNews): Promise<void> {
    const key = `m.device_list_update ${content.user_id} ${content.device_id}`
    await this.#parts.queue.queueEdu(tx, destinations, { type: 'm.device_list_update', content }, key)
  }

  async #queueCrossSigning(tx: Tx, destinations: Iterable<ServerName>, userId: UserId): Promise<void> {
    const told = (await listCrossSigningKeys(tx, [userId])).filter(({ usage }) => usage !== 'user_signing')
    if (told.length === 0) return
    const keys = Object.fromEntries(told.map(({ usage, keys: text }) => [`${usage}_key`, parseStored(text)]))
    const edu = { type: 'm.signing_key_update', content: { user_id: userId, ...keys } }
    await this.#parts.queue.queueEdu(tx, destinations, edu, `m.signing_key_update ${userId}`)
  }
}

interface DeviceNews extends JsonObject {
  readonly user_id: UserId
  readonly device_id: DeviceId
}
