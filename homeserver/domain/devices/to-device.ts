/** Messages from device to device. https://spec.matrix.org/v1.19/client-server-api/#send-to-device-messaging */
import { tooLarge } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import { type DeviceId, isUserId, serverNameOf, type ServerName, type UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { Lru } from '../../platform/lru.ts'
import type { Database, Tx } from '../../storage/database.ts'
import { GroupCommit } from '../../storage/group-commit.ts'
import { listDevicesOf } from '../../storage/devices.ts'
import type { Streams } from '../../storage/streams.ts'
import {
  addToDeviceMessages,
  addToDeviceTransaction,
  hasToDeviceMessages,
  listToDeviceMessages,
  type QueuedMessage,
  removeToDeviceMessages,
  removeToDeviceTransactionsBefore,
  type ToDeviceMessage,
  type ToDeviceTransaction,
} from '../../storage/to-device.ts'
import { maxToDeviceBytes } from '../limits.ts'
import type { RemoteInboxes } from './hooks.ts'

/** User → device, or `*` for all of them → content. */
export type ToDeviceMessages = Readonly<Record<string, Readonly<Record<DeviceId, JsonObject>>>>

export interface ToDeviceRequest extends ToDeviceTransaction {
  readonly messages: ToDeviceMessages
}

interface Acknowledgement {
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly upto: number
}

interface Prepared {
  readonly transaction: ToDeviceTransaction
  readonly events: readonly ToDeviceMessage[]
  /** For users of other servers. */
  readonly elsewhere: ToDeviceMessages
}

export interface ToDeviceParts {
  readonly database: Database
  readonly streams: Streams
  readonly clock: Clock
  readonly serverName: ServerName
  readonly remoteInboxes: readonly RemoteInboxes[]
}

/** How long a repeated request is known as such. */
const TRANSACTION_MS = 24 * 60 * 60 * 1000
const SWEEP_MS = 60 * 60 * 1000
const MAX_CACHED_DEVICES = 20_000

export class ToDevice {
  readonly #database: Database
  readonly #streams: Streams
  readonly #clock: Clock
  readonly #serverName: ServerName
  readonly #remoteInboxes: readonly RemoteInboxes[]
  /** Up to where nothing is left for a device. Messages never appear at or below a position. */
  readonly #acknowledged = new Lru<string, number>(MAX_CACHED_DEVICES)
  readonly #sends: GroupCommit<Prepared, undefined>
  readonly #drops: GroupCommit<Acknowledgement, undefined>
  #sweptAt = 0

  constructor({ database, streams, clock, serverName, remoteInboxes }: ToDeviceParts) {
    this.#database = database
    this.#streams = streams
    this.#clock = clock
    this.#serverName = serverName
    this.#remoteInboxes = remoteInboxes
    this.#sends = new GroupCommit({
      database,
      name: 'send to devices',
      write: async (tx, requests) => {
        await this.#sweep(tx)
        for (const request of requests) await this.#sendIn(tx, request)
        return requests.map(() => undefined)
      },
    })
    this.#drops = new GroupCommit({
      database,
      name: 'drop received messages',
      write: async (tx, acknowledged) => {
        await streams.remember(tx, 'to_device')
        for (const { userId, deviceId, upto } of acknowledged) await removeToDeviceMessages(tx, userId, deviceId, upto)
        return acknowledged.map(() => undefined)
      },
    })
  }

  /**
   * Queues the messages for all devices that exist, once, however often the request comes; those for users of other
   * servers are for these to hand out. Throws `M_TOO_LARGE`.
   */
  async send({ messages, ...transaction }: ToDeviceRequest): Promise<void> {
    const elsewhere = Object.fromEntries(Object.entries(messages).filter(([userId]) => this.#isElsewhere(userId)))
    const events = eventsOf(transaction.sender, transaction.eventType, messages)
    await this.#sends.add({ transaction, events, elsewhere })
  }

  #isElsewhere(userId: string): boolean {
    return isUserId(userId) && serverNameOf(userId) !== this.#serverName
  }

  async #sendIn(tx: Tx, { transaction, events, elsewhere }: Prepared): Promise<void> {
    if (!(await addToDeviceTransaction(tx, transaction, this.#clock.now()))) return
    await this.queue(tx, await addressed(tx, events))
    const { sender, eventType } = transaction
    for (const inboxes of this.#remoteInboxes) await inboxes.queueMessages(tx, sender, eventType, elsewhere)
  }

  /** Queues messages for devices, in their order. */
  async queue(tx: Tx, messages: readonly ToDeviceMessage[]): Promise<void> {
    if (messages.length === 0) return
    const users = [...new Set(messages.map(({ userId }) => userId))]
    const first = this.#streams.reserve(tx, 'to_device', messages.length, { users })
    await addToDeviceMessages(tx, first, messages)
  }

  /** The oldest messages for a device in (after, upto]. With `limit` of them there may be more. */
  async list(
    userId: UserId,
    deviceId: DeviceId,
    range: { after: number; upto: number; limit: number },
  ): Promise<QueuedMessage[]> {
    return await listToDeviceMessages(this.#database, userId, deviceId, range)
  }

  /** To be called when a device comes back with a token: it has everything up to there. */
  async acknowledge(userId: UserId, deviceId: DeviceId, upto: number): Promise<void> {
    const key = keyOf(userId, deviceId)
    if ((this.#acknowledged.get(key) ?? 0) >= upto || upto > this.#streams.position('to_device')) return
    if (await hasToDeviceMessages(this.#database, userId, deviceId, upto)) {
      await this.#drops.add({ userId, deviceId, upto })
    }
    this.#acknowledged.set(key, Math.max(upto, this.#acknowledged.get(key) ?? 0))
  }

  async #sweep(tx: Tx): Promise<void> {
    const now = this.#clock.now()
    if (now - this.#sweptAt < SWEEP_MS) return
    await removeToDeviceTransactionsBefore(tx, now - TRANSACTION_MS)
    tx.onCommit(() => (this.#sweptAt = now))
  }
}

function eventsOf(sender: UserId, type: string, messages: ToDeviceMessages): ToDeviceMessage[] {
  return Object.entries(messages).flatMap(([userId, devices]) =>
    Object.entries(devices).map(([deviceId, content]) => {
      const text = JSON.stringify(content)
      if (Buffer.byteLength(text) > maxToDeviceBytes) throw tooLarge(`A message has at most ${maxToDeviceBytes} bytes`)
      const event = `{"content":${text},"sender":${JSON.stringify(sender)},"type":${JSON.stringify(type)}}`
      return { userId: userId as UserId, deviceId, event } // `addressed` leaves out what is no user's id
    }),
  )
}

/** The messages for devices that exist; one for `*` becomes one for each device of its user that has none of its own. */
async function addressed(tx: Tx, messages: readonly ToDeviceMessage[]): Promise<ToDeviceMessage[]> {
  const events = new Map(messages.map(({ userId, deviceId, event }) => [keyOf(userId, deviceId), event]))
  const users = [...new Set(messages.map(({ userId }) => userId))].filter(isUserId)
  const devices = await listDevicesOf(tx, users)
  return devices.flatMap(({ user_id: userId, device_id: deviceId }) => {
    const event = events.get(keyOf(userId, deviceId)) ?? events.get(keyOf(userId, '*'))
    return event === undefined ? [] : [{ userId, deviceId, event }]
  })
}

/** NUL stands in no user id. */
function keyOf(userId: UserId, deviceId: DeviceId): string {
  return `${userId}\0${deviceId}`
}
