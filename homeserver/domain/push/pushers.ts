/** Where users want to be told of what happens. https://spec.matrix.org/v1.19/client-server-api/#push-notifications */
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import { invalidParam, notFound, refuse, tooLarge } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import type { DeviceId, UserId } from '../../core/ids.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Background } from '../../platform/lifecycle.ts'
import type { Database, Tx } from '../../storage/database.ts'
import {
  activatePusher,
  countPushers,
  emailAppId,
  findPusher,
  listPushers,
  type Pusher,
  type PusherData,
  type PusherKey,
  type PusherKind,
  type PusherSettings,
  removePusher,
  removePusherSetAt,
  removePushersOfDevices,
  removePushersOfOthers,
  removePushersOfUser,
  setPusher,
} from '../../storage/pushers.ts'
import type { Streams } from '../../storage/streams.ts'
import { findThreePid } from '../../storage/threepids.ts'
import type { Departure, DeviceBelongings } from '../accounts/hooks.ts'
import type { Requester } from '../accounts/requester.ts'
import { emailAddress } from '../accounts/threepids/addresses.ts'
import type { Mailer } from '../accounts/threepids/mailer.ts'
import { checkedSubscription, type WebPush } from './web-push.ts'
import { maxAppIdLength, maxPusherDataBytes, maxPushers, maxPusherTextLength, maxPushkeyBytes } from '../limits.ts'

export type { Pusher, PusherKind }

export interface NewPusher extends Omit<
  PusherSettings,
  'userId' | 'deviceId' | 'data' | 'enabled' | 'setTs' | 'awaited'
> {
  readonly data: JsonObject
  /** Only said by who switches a pusher on or off, maybe that of another session. */
  readonly enabled?: boolean | undefined
  /** Lets other users keep their pushers with this pushkey. */
  readonly append: boolean
}

const NOTIFY_PATH = '/_matrix/push/v1/notify'
const BELL = 'pushers'
/** How long an app has to show that it hears. */
const ACK_MS = 5 * 60_000

export interface PushersParts {
  readonly database: Database
  readonly bus: Bus
  readonly streams: Streams
  readonly clock: Clock
  readonly background: Background
  readonly mailer: Pick<Mailer, 'isOn'>
  readonly webPush: Pick<WebPush, 'greet'>
}

export class Pushers implements DeviceBelongings, Departure {
  readonly #parts: PushersParts

  constructor(parts: PushersParts) {
    this.#parts = parts
  }

  async list(userId: UserId): Promise<readonly Pusher[]> {
    return await listPushers(this.#parts.database, userId)
  }

  /**
   * False if the app has yet to show that it hears: it is sent what it has to say. Throws `M_INVALID_PARAM` for what cannot
   * be a pusher, `M_TOO_LARGE` for one too many, and `M_THREEPID_NOT_FOUND` for an e-mail address that the user has not
   * proved to be his.
   */
  async set(who: Requester, given: NewPusher): Promise<boolean> {
    const { kind } = given
    checkSizes(given)
    if ((kind === 'email') !== (given.appId === emailAppId)) {
      throw invalidParam(`The app_id ${emailAppId} and the kind email go together`)
    }
    const pusher = kind === 'email' ? await this.#byEmail(who, given) : given
    const data = checkedData(pusher)
    const { database, streams, clock, background, webPush } = this.#parts
    const key = { userId: who.userId, appId: pusher.appId, pushkey: pusher.pushkey }
    const token = randomUUID()
    const isActive = await database.transaction('set pusher', async (tx) => {
      const present = await findPusher(tx, key)
      if (!present && (await countPushers(tx, who.userId)) >= maxPushers) throw tooLarge('You have too many pushers')
      const others = pusher.append ? [] : await removePushersOfOthers(tx, key)
      // https://github.com/matrix-org/matrix-spec-proposals/pull/3881: a pusher switched from elsewhere stays where it
      // is. An app that sets its own says nothing of the kind.
      const isKept = present && pusher.enabled !== undefined
      // An address is not of a session.
      const deviceId = kind === 'email' ? undefined : isKept ? present.deviceId : who.deviceId
      const setTs = clock.now()
      const hears = kind !== 'webpush' || (present !== undefined && !present.awaited && isSame(present, data))
      const awaited = hears ? undefined : { hash: hashOf(token), expiresTs: setTs + ACK_MS }
      const settings = { ...pusher, ...key, data, deviceId, enabled: pusher.enabled ?? true, setTs, awaited }
      await setPusher(tx, settings, streams.position('events'))
      this.#ring(tx, [who.userId, ...others])
      return hears
    })
    if (!isActive) background.run('greet a browser', (signal) => webPush.greet({ ...pusher, data }, token, signal))
    return isActive
  }

  /**
   * The app says what it was sent. Throws `M_NOT_FOUND` where the user has no such app, `M_EXPIRED_ACTIVATION_TOKEN` and
   * `M_UNKNOWN_ACTIVATION_TOKEN`.
   */
  async acknowledge({ userId }: Requester, { appId, token }: { appId: string; token: string }): Promise<void> {
    const { database, streams, clock } = this.#parts
    await database.transaction('activate pusher', async (tx) => {
      const ofApp = (await listPushers(tx, userId)).filter(
        (pusher) => pusher.appId === appId && pusher.kind === 'webpush',
      )
      if (ofApp.length === 0) throw notFound('You have no pusher with this app_id')
      const pusher = ofApp.find(({ awaited }) => awaited && isHashOf(awaited.hash, token))
      if (!pusher) throw refuse(400, 'M_UNKNOWN_ACTIVATION_TOKEN', 'This is not what was sent to the app')
      if ((pusher.awaited?.expiresTs ?? 0) <= clock.now()) {
        throw refuse(410, 'M_EXPIRED_ACTIVATION_TOKEN', 'This came too late: set the pusher again')
      }
      await activatePusher(tx, pusher.id, streams.position('events'))
      this.#ring(tx, [userId])
    })
  }

  /** One that is not there is no error. */
  async remove(key: PusherKey): Promise<void> {
    await this.#parts.database.transaction('remove pusher', async (tx) => {
      await removePusher(tx, key)
      this.#ring(tx, [key.userId])
    })
  }

  /** False if it was set again meanwhile. */
  async discard(pusher: Pusher): Promise<boolean> {
    return await this.#parts.database.transaction('discard pusher', async (tx) => {
      const removed = await removePusherSetAt(tx, pusher)
      if (removed) this.#ring(tx, [pusher.userId])
      return removed
    })
  }

  /** A pusher ends with its session. */
  async devicesRemoved(tx: Tx, userId: UserId, deviceIds: readonly DeviceId[]): Promise<void> {
    if (await removePushersOfDevices(tx, userId, deviceIds)) this.#ring(tx, [userId])
  }

  /** Those without a session go with the account. */
  async leave(userId: UserId): Promise<void> {
    await this.#parts.database.transaction('remove pushers', async (tx) => {
      if (await removePushersOfUser(tx, userId)) this.#ring(tx, [userId])
    })
  }

  /** Calls the listener with each user whose pushers have changed. */
  subscribe(listener: (userId: UserId) => void): () => void {
    return this.#parts.bus.subscribe(({ stream, keys }) => {
      if (stream === BELL) for (const userId of keys.users ?? []) listener(userId as UserId) // what `#ring` gave
    })
  }

  /** With the address as it is written in the account. */
  async #byEmail({ userId }: Requester, pusher: NewPusher): Promise<NewPusher> {
    if (!this.#parts.mailer.isOn) throw invalidParam('This server sends no e-mail')
    const { medium, address } = emailAddress(pusher.pushkey)
    const known = await findThreePid(this.#parts.database, { medium, address })
    if (known?.userId !== userId) throw refuse(400, 'M_THREEPID_NOT_FOUND', 'This e-mail address is not yours')
    return { ...pusher, pushkey: address }
  }

  #ring(tx: Tx, users: readonly UserId[]): void {
    tx.onCommit(() => this.#parts.bus.publish({ stream: BELL, writer: 'push', position: 0, keys: { users } }))
  }
}

function checkSizes({ appId, pushkey, data, appDisplayName, deviceDisplayName, profileTag, lang }: NewPusher): void {
  if (appId === '' || appId.length > maxAppIdLength) throw invalidParam('app_id must have 1 to 64 characters')
  if (pushkey === '' || Buffer.byteLength(pushkey) > maxPushkeyBytes) {
    throw invalidParam('pushkey must have 1 to 512 bytes')
  }
  const texts = [appDisplayName, deviceDisplayName, profileTag ?? '', lang]
  if (texts.some((text) => text.length > maxPusherTextLength)) throw invalidParam('A name of the pusher is too long')
  // Columns take no U+0000.
  if ([appId, pushkey, ...texts].some((text) => text.includes('\0'))) throw invalidParam('Texts cannot hold U+0000')
  if (Buffer.byteLength(JSON.stringify(data)) > maxPusherDataBytes) throw invalidParam('The data is too large')
}

function checkedData({ kind, pushkey, data }: NewPusher): PusherData {
  if (kind === 'webpush') return checkedSubscription(pushkey, data)
  return kind === 'http' ? checkedGateway(data) : data
}

/** The path is fixed, so that a pusher cannot make us call anything but a push gateway. */
function checkedGateway(data: JsonObject): PusherData {
  const { url } = data
  if (typeof url !== 'string') throw invalidParam('data needs a url')
  const parsed = URL.parse(url)
  const isWeb = parsed?.protocol === 'https:' || parsed?.protocol === 'http:'
  if (!isWeb || parsed.pathname !== NOTIFY_PATH)
    throw invalidParam(`The url must be http(s) with the path ${NOTIFY_PATH}`)
  if (parsed.username !== '' || parsed.password !== '') throw invalidParam('The url cannot hold a password')
  return { ...data, url }
}

/** Whether it is the subscription that was there: then the app is known to hear. */
function isSame({ kind, data }: Pusher, { url, auth }: PusherData): boolean {
  return kind === 'webpush' && data.url === url && data.auth === auth
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}

function isHashOf(hash: string, token: string): boolean {
  return timingSafeEqual(Buffer.from(hash), Buffer.from(hashOf(token)))
}
