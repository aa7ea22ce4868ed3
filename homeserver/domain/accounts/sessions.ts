/** Opens sessions on devices, renews their tokens and ends them. */
import { randomInt } from 'node:crypto'
import { refuse, tooLarge, unknownToken } from '../../core/errors.ts'
import type { DeviceId, UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { findAccount } from '../../storage/accounts.ts'
import type { Database, Tx } from '../../storage/database.ts'
import * as store from '../../storage/sessions.ts'
import { maxDeviceName, maxDevices } from '../limits.ts'
import type { AccountHooks } from './hooks.ts'
import type { SessionNews } from './session-news.ts'
import { newToken, tokenHash } from './session-token.ts'

/** In milliseconds; undefined stands for ever. */
export interface Lifetimes {
  readonly access_token_lifetime: number
  readonly refresh_token_lifetime: number | undefined
  readonly session_lifetime: number | undefined
}

/** From where a session is opened. */
export interface Origin {
  readonly ip: string
  readonly userAgent: string | undefined
}

export interface SessionOptions extends Origin {
  /** A device to go on with; its earlier tokens end. Without one a new device is made. */
  readonly deviceId?: DeviceId | undefined
  readonly displayName?: string | undefined
  /** Whether the client can refresh its access token, which then lives for a short time only. */
  readonly isRefreshable?: boolean | undefined
  /** The OAuth client that gets the session, if it is one. */
  readonly client?: store.SessionClient | undefined
}

export interface OpenSession {
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly accessToken: string
  readonly refreshToken: string | undefined
  readonly expiresInMs: number | undefined
}

/** How long an exchanged refresh token may come again, as from two tabs at once, without being taken for stolen. */
const REUSE_GRACE_MS = 15_000
/** So long exchanged refresh tokens are remembered, to recognise a stolen one. */
const REMEMBER_ROTATED_MS = 7 * 86_400_000

export class Sessions {
  readonly #database: Database
  readonly #clock: Clock
  readonly #news: SessionNews
  readonly #hooks: AccountHooks
  readonly #lifetimes: Lifetimes

  constructor(parts: {
    database: Database
    clock: Clock
    news: SessionNews
    hooks: AccountHooks
    lifetimes: Lifetimes
  }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#news = parts.news
    this.#hooks = parts.hooks
    this.#lifetimes = parts.lifetimes
  }

  /** Throws `M_TOO_LARGE` for one device too many. */
  async open(userId: UserId, options: SessionOptions): Promise<OpenSession> {
    return await this.#database.transaction('open session', (tx) => this.openIn(tx, userId, options))
  }

  async openIn(tx: Tx, userId: UserId, options: SessionOptions): Promise<OpenSession> {
    const now = this.#clock.steady()
    const { deviceId = newDeviceId(), ip, userAgent, isRefreshable = false, client } = options
    if (options.deviceId !== undefined && (await store.hasDevice(tx, userId, deviceId))) {
      await store.removeAccessTokens(tx, userId, deviceId)
      await store.removeRefreshTokens(tx, userId, deviceId)
      tx.onCommit(() => this.#news.publish({ userId, ended: [deviceId] }))
    } else if ((await store.countDevices(tx, userId)) >= maxDevices) {
      throw tooLarge('You have too many sessions: end some of them first')
    }
    const displayName = options.displayName?.slice(0, maxDeviceName)
    await store.touchDevice(tx, { userId, deviceId, ts: this.#clock.now(), ip, userAgent }, { displayName, client })
    const sessionExpiresTs = later(now, this.#lifetimes.session_lifetime)
    return await this.#issue(tx, { userId, deviceId, isRefreshable, sessionExpiresTs })
  }

  /**
   * Gives new tokens for a refresh token, which stays good until one of the new ones is used: the answer may get lost.
   * Coming again after that it is taken for stolen, and all tokens of the device end. What an OAuth client was given only
   * that client may renew.
   * https://spec.matrix.org/v1.19/client-server-api/#refreshing-access-tokens
   *
   * Throws `M_UNKNOWN_TOKEN` and `M_USER_LOCKED`.
   */
  async refresh(refreshToken: string, { clientId }: { clientId?: string } = {}): Promise<OpenSession> {
    const hash = tokenHash('refresh', refreshToken)
    if (hash === undefined) throw unknownToken({ soft: false })
    const renewed = await this.#database.transaction('refresh tokens', (tx) => this.#renew(tx, hash, clientId))
    if (renewed === 'reused') throw unknownToken({ soft: true })
    return renewed
  }

  async #renew(tx: Tx, hash: string, clientId: string | undefined): Promise<OpenSession | 'reused'> {
    const now = this.#clock.steady()
    const known = await store.findRefreshToken(tx, hash)
    if (!known) throw unknownToken({ soft: false })
    const { userId, deviceId, expiresTs, sessionExpiresTs, rotatedTs, successorHash } = known
    const client = await store.findSessionClient(tx, userId, deviceId)
    if (client?.clientId !== clientId) throw unknownToken({ soft: false })
    const isOver = (expiresTs ?? Infinity) <= now || (sessionExpiresTs ?? Infinity) <= now
    if (isOver) throw unknownToken({ soft: true })
    if ((await findAccount(tx, userId))?.isLocked === true) throw userLocked()

    if (successorHash !== undefined && rotatedTs !== undefined && !(await store.isUntouched(tx, successorHash))) {
      if (now - rotatedTs > REUSE_GRACE_MS) {
        await store.expireTokens(tx, userId, deviceId, now)
        tx.onCommit(() => this.#news.publish({ userId, ended: [deviceId], how: 'expired' }))
      }
      return 'reused'
    }
    const issued = await this.#issue(tx, { userId, deviceId, isRefreshable: true, sessionExpiresTs })
    const successor = tokenHash('refresh', issued.refreshToken ?? '') ?? ''
    await store.rotateRefreshToken(tx, hash, successor, now)
    // The one before it, lost on its way, is succeeded too: whoever comes with it later has stolen it.
    if (successorHash !== undefined) await store.rotateRefreshToken(tx, successorHash, successor, now)
    await store.removeAccessTokens(tx, userId, deviceId, { exceptOf: [hash, successor] })
    await store.removeRefreshTokens(tx, userId, deviceId, { rotatedBefore: now - REMEMBER_ROTATED_MS })
    tx.onCommit(() => this.#news.publish({ userId, ended: [] }))
    return issued
  }

  async #issue(
    tx: Tx,
    session: { userId: UserId; deviceId: DeviceId; isRefreshable: boolean; sessionExpiresTs: number | undefined },
  ): Promise<OpenSession> {
    const { userId, deviceId, isRefreshable, sessionExpiresTs } = session
    const now = this.#clock.steady()
    const access = newToken('access')
    const refresh = isRefreshable ? newToken('refresh') : undefined
    const ends = [sessionExpiresTs, isRefreshable ? now + this.#lifetimes.access_token_lifetime : undefined]
    const expiresTs = earliest(ends)
    if (refresh) {
      const refreshExpiresTs = later(now, this.#lifetimes.refresh_token_lifetime)
      await store.addRefreshToken(tx, {
        tokenHash: refresh.hash,
        userId,
        deviceId,
        expiresTs: refreshExpiresTs,
        sessionExpiresTs,
      })
    }
    await store.addAccessToken(tx, {
      tokenHash: access.hash,
      userId,
      deviceId,
      createdTs: this.#clock.now(),
      expiresTs,
      refreshHash: refresh?.hash,
    })
    return {
      userId,
      deviceId,
      accessToken: access.token,
      refreshToken: refresh?.token,
      expiresInMs: expiresTs === undefined ? undefined : expiresTs - now,
    }
  }

  /** Ends sessions: the devices go, with their tokens and all that belongs to them. Unknown ones are passed over. */
  async end(userId: UserId, deviceIds: readonly DeviceId[]): Promise<void> {
    await this.#database.transaction('end sessions', (tx) => this.endIn(tx, userId, deviceIds))
  }

  async endIn(tx: Tx, userId: UserId, deviceIds: readonly DeviceId[]): Promise<void> {
    const removed = await store.removeDevices(tx, userId, deviceIds)
    if (removed.length === 0) return
    for (const belongings of this.#hooks.devices) await belongings.devicesRemoved(tx, userId, removed)
    tx.onCommit(() => this.#news.publish({ userId, ended: removed }))
  }

  /** Ends all sessions of a user but those to keep. */
  async endAll(userId: UserId, options: { except?: readonly DeviceId[] } = {}): Promise<void> {
    await this.#database.transaction('end all sessions', (tx) => this.endAllIn(tx, userId, options))
  }

  async endAllIn(tx: Tx, userId: UserId, { except = [] }: { except?: readonly DeviceId[] } = {}): Promise<void> {
    const deviceIds = await store.listDeviceIds(tx, userId)
    await this.endIn(
      tx,
      userId,
      deviceIds.filter((deviceId) => !except.includes(deviceId)),
    )
  }
}

export const userLocked = () => refuse(401, 'M_USER_LOCKED', 'This account has been locked', { soft_logout: true })

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'

function newDeviceId(): DeviceId {
  return Array.from({ length: 10 }, () => letters[randomInt(letters.length)]).join('')
}

const later = (now: number, lifetime: number | undefined): number | undefined =>
  lifetime === undefined ? undefined : now + lifetime

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}
