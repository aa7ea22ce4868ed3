/** Messages to devices, on their way to and from other servers. https://spec.matrix.org/v1.19/server-server-api/#send-to-device-messaging */
import { randomBytes } from 'node:crypto'
import { isJsonObject } from '../../../core/canonical-json.ts'
import type { JsonObject } from '../../../core/event.ts'
import { type DeviceId, isUserId, serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import type { Tx } from '../../../storage/database.ts'
import type { RemoteInboxes } from '../../devices/hooks.ts'
import type { ToDevice, ToDeviceMessages } from '../../devices/to-device.ts'
import type { Members } from '../../rooms/members.ts'
import type { Outbox } from '../outbox.ts'
import type { Edu, EduReceiver } from '../receive/edu-receiver.ts'
import { speaksFor } from './edu-gate.ts'

export interface DirectToDeviceParts {
  readonly members: Members
  readonly toDevice: Pick<ToDevice, 'send'>
  readonly outbox: Outbox
}

/** Characters of the messages in one EDU (T46). A single message may be longer. */
const MAX_EDU = 65_536
/** Characters of the type and the id of a message. */
const MAX_NAME = 255

export class DirectToDevice implements EduReceiver, RemoteInboxes {
  readonly #parts: DirectToDeviceParts

  constructor(parts: DirectToDeviceParts) {
    this.#parts = parts
  }

  /** A message that comes again is known by its id, which is kept with it. */
  async receive(origin: ServerName, { content }: Edu): Promise<void> {
    const { sender, type, message_id: messageId, messages } = content
    if (!speaksFor(origin, sender) || !isName(type) || !isName(messageId) || !isJsonObject(messages)) return
    const { members, toDevice } = this.#parts
    const ours: Record<UserId, Record<DeviceId, JsonObject>> = {}
    for (const [userId, devices] of Object.entries(messages)) {
      if (!isUserId(userId) || !members.isLocal(userId) || !isJsonObject(devices)) continue
      ours[userId] = Object.fromEntries(
        Object.entries(devices).filter((entry): entry is [DeviceId, JsonObject] => isJsonObject(entry[1])),
      )
    }
    await toDevice.send({ sender, sessionId: 'federation', eventType: type, txnId: messageId, messages: ours })
  }

  async queueMessages(tx: Tx, sender: UserId, type: string, messages: ToDeviceMessages): Promise<void> {
    const byServer = Map.groupBy(Object.keys(messages).filter(isUserId), (userId) => serverNameOf(userId))
    for (const [server, userIds] of byServer) {
      for (const batch of batches(userIds, messages)) {
        const content = { sender, type, message_id: randomBytes(16).toString('base64url'), messages: batch }
        await this.#parts.outbox.queueEdu(tx, [server], { type: 'm.direct_to_device', content })
      }
    }
  }
}

/** The messages for these users, in parts that are not too large. */
function* batches(userIds: readonly UserId[], messages: ToDeviceMessages): Generator<ToDeviceMessages> {
  let batch: Addressed[] = []
  let size = 0
  for (const addressed of userIds.flatMap((userId) => addressedTo(userId, messages[userId] ?? {}))) {
    const length = JSON.stringify(addressed).length
    if (size > 0 && size + length > MAX_EDU) {
      yield byUser(batch)
      batch = []
      size = 0
    }
    batch.push(addressed)
    size += length
  }
  if (size > 0) yield byUser(batch)
}

type Addressed = readonly [userId: UserId, deviceId: DeviceId, content: JsonObject]

function addressedTo(userId: UserId, devices: Readonly<Record<DeviceId, JsonObject>>): Addressed[] {
  return Object.entries(devices).map(([deviceId, content]) => [userId, deviceId, content])
}

function byUser(batch: readonly Addressed[]): ToDeviceMessages {
  const users = Map.groupBy(batch, ([userId]) => userId)
  return Object.fromEntries(
    [...users].map(([userId, all]) => [userId, Object.fromEntries(all.map(([, ...entry]) => entry))]),
  )
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_NAME && !value.includes('\0')
}
