/** What application services need to encrypt as their users: messages to devices, changed keys, keys that are left (MSC3202, MSC4203). */
import type { RoomId, UserId } from '../../core/ids.ts'
import {
  listDeviceListsInRange,
  listEncryptingDevices,
  listRegisteredBy,
  listToDeviceInRange,
  type StreamRange,
} from '../../storage/appservices.ts'
import type { Database } from '../../storage/database.ts'
import { type Appservice, mayActAs } from '../accounts/appservices.ts'
import type { OneTimeKeys } from '../devices/one-time-keys.ts'
import { endOf, readRange, type Taken } from './ephemeral.ts'
import type { Interest } from './interest.ts'

export interface EncryptionParts {
  readonly database: Database
  readonly interest: Interest
  readonly oneTimeKeys: Pick<OneTimeKeys, 'left'>
}

export interface TakenMessages extends Taken {
  readonly recipients: readonly UserId[]
  /** The places of messages that need not be kept for their devices. */
  readonly forGood: readonly number[]
}

/** Of each transaction; a room may have ten thousands of bridged users. */
const MAX_USERS_WITH_KEYS = 500

/**
 * Messages to devices of the service's users. They stay for those who sync as well, unless the service says that it
 * encrypts by transactions alone, and has registered the user: people may be in its namespace, too.
 */
export async function takeToDevice(
  { database }: EncryptionParts,
  appservice: Appservice,
  range: StreamRange,
): Promise<TakenMessages> {
  const rows = await readRange(range, () => listToDeviceInRange(database, range))
  const own = rows.filter(({ user_id }) => mayActAs(appservice, user_id))
  const recipients = [...new Set(own.map(({ user_id }) => user_id))]
  const registered = new Set(
    appservice.receivesEncryption ? await listRegisteredBy(database, appservice.id, recipients) : [],
  )
  return {
    texts: own.map(({ user_id, device_id, event }) => {
      const [user, device] = [JSON.stringify(user_id), JSON.stringify(device_id)]
      return `${event.slice(0, -1)},"to_device_id":${device},"to_user_id":${user}}`
    }),
    end: endOf(rows, range),
    recipients,
    forGood: own.filter(({ user_id }) => registered.has(user_id)).map(({ stream_id }) => stream_id),
  }
}

/** The text of `device_lists`, if there is anything to tell. */
export async function takeDeviceLists(
  { database, interest }: EncryptionParts,
  appservice: Appservice,
  range: StreamRange,
  at: number,
): Promise<Taken> {
  const rows = await readRange(range, () => listDeviceListsInRange(database, range))
  const changed: UserId[] = []
  for (const { user_id: userId } of rows) if (await interest.inUser(appservice, userId, at)) changed.push(userId)
  return { texts: changed.length > 0 ? [JSON.stringify({ changed, left: [] })] : [], end: endOf(rows, range) }
}

/** User → device → what is left. */
export interface KeysByDevice {
  readonly counts: Readonly<Record<UserId, Readonly<Record<string, object>>>>
  readonly fallbacks: Readonly<Record<UserId, Readonly<Record<string, readonly string[]>>>>
}

/** Of the service's users in these rooms and of those who got messages; undefined if none of them has keys. */
export async function keysLeft(
  { database, interest, oneTimeKeys }: EncryptionParts,
  appservice: Appservice,
  rooms: Iterable<RoomId>,
  recipients: readonly UserId[],
): Promise<KeysByDevice | undefined> {
  const users = new Set(recipients)
  for (const roomId of rooms) {
    if (users.size >= MAX_USERS_WITH_KEYS) break
    for (const userId of await interest.usersIn(appservice, roomId)) users.add(userId)
  }
  const devices = await listEncryptingDevices(database, [...users].slice(0, MAX_USERS_WITH_KEYS))
  if (devices.length === 0) return undefined
  const counts: Record<UserId, Record<string, object>> = {}
  const fallbacks: Record<UserId, Record<string, readonly string[]>> = {}
  for (const { user_id: userId, device_id: deviceId } of devices) {
    const left = await oneTimeKeys.left(userId, deviceId)
    ;(counts[userId] ??= {})[deviceId] = left.counts
    ;(fallbacks[userId] ??= {})[deviceId] = left.unusedFallbacks
  }
  return { counts, fallbacks }
}
