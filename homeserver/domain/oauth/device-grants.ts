/**
 * The device authorization grant: a device without a browser shows a code, and its owner allows it on another one.
 * https://www.rfc-editor.org/rfc/rfc8628
 */
import { randomBytes, randomInt } from 'node:crypto'
import type { UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database, Tx } from '../../storage/database.ts'
import * as store from '../../storage/oauth.ts'
import type { OpenSession, Origin } from '../accounts/sessions.ts'
import { hashToken } from '../accounts/session-token.ts'
import { maxDeviceGrants } from '../limits.ts'
import type { Client, Clients } from './clients.ts'
import type { Granting } from './granting.ts'
import { OAuthError } from './oauth-error.ts'
import { parseScope } from './scope.ts'

export interface DeviceCode {
  readonly deviceCode: string
  /** For people: `BCDF-GHJK`. */
  readonly userCode: string
  readonly expiresInMs: number
  readonly intervalMs: number
}

/** What a person is asked about. */
export interface DeviceRequest {
  readonly userCode: string
  readonly client: Client
  readonly scope: string
  readonly deviceId: string
}

const LIFETIME_MS = 15 * 60_000
const INTERVAL_MS = 5_000
/** No vowels, so no words; 34 bits, of which somebody may try a few a minute. */
const letters = 'BCDFGHJKLMNPQRSTVWXZ'
const LENGTH = 8

export class DeviceGrants {
  readonly #database: Database
  readonly #clock: Clock
  readonly #clients: Clients
  readonly #granting: Granting

  constructor(parts: { database: Database; clock: Clock; clients: Clients; granting: Granting }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#clients = parts.clients
    this.#granting = parts.granting
  }

  /** Throws `invalid_client`, `unauthorized_client`, `invalid_scope` and `temporarily_unavailable`. */
  async begin(client: Client, scope: string): Promise<DeviceCode> {
    const { text, deviceId } = parseScope(scope)
    const deviceCode = randomBytes(32).toString('base64url')
    const userCode = newUserCode()
    const now = this.#clock.steady()
    await this.#database.transaction('begin device grant', async (tx) => {
      if ((await store.countDeviceGrants(tx)) >= maxDeviceGrants) throw busy()
      await store.addDeviceGrant(tx, {
        deviceCodeHash: hashToken(deviceCode),
        userCode,
        clientId: client.clientId,
        scope: text,
        deviceId,
        expiresTs: now + LIFETIME_MS,
        nextPollTs: now,
        intervalMs: INTERVAL_MS,
      })
    })
    const shown = `${userCode.slice(0, 4)}-${userCode.slice(4)}`
    return { deviceCode, userCode: shown, expiresInMs: LIFETIME_MS, intervalMs: INTERVAL_MS }
  }

  /** The request behind a code that somebody has typed, in any case and with any signs between; undefined if there is none to decide. */
  async find(typed: string): Promise<DeviceRequest | undefined> {
    const userCode = typed.toUpperCase().replaceAll(/[^A-Z]/g, '')
    const grant = await store.findDeviceGrant(this.#database, { userCode })
    if (!grant || grant.decision !== 'pending' || grant.expiresTs <= this.#clock.steady()) return undefined
    const client = await this.#clients.find(grant.clientId)
    return client && { userCode, client, scope: grant.scope, deviceId: grant.deviceId }
  }

  /** False if it has expired or been decided in the meantime. */
  async decide(userId: UserId, request: DeviceRequest, decision: 'allowed' | 'denied'): Promise<boolean> {
    const scope = await this.#granting.scopeFor(userId, request.scope)
    const decided = { decision, userId, scope, now: this.#clock.steady() }
    return await this.#database.transaction('decide device grant', (tx) =>
      store.decideDeviceGrant(tx, request.userCode, decided),
    )
  }

  /**
   * What the device asks again and again. Throws `authorization_pending`, `slow_down`, `access_denied`, `expired_token`
   * and `invalid_grant`.
   */
  async poll(client: Client, deviceCode: string, origin: Origin): Promise<OpenSession & { readonly scope: string }> {
    const hash = hashToken(deviceCode)
    const result = await this.#database.transaction('poll device grant', async (tx) => {
      const grant = await store.findDeviceGrant(tx, { deviceCodeHash: hash })
      if (!grant || grant.clientId !== client.clientId) throw new OAuthError('invalid_grant', 'The code is unknown')
      if (grant.expiresTs <= this.#clock.steady()) throw new OAuthError('expired_token', 'The code has expired')
      if (grant.decision === 'pending') return await this.#wait(tx, grant)
      await store.removeDeviceGrant(tx, hash)
      if (grant.decision === 'denied' || grant.userId === undefined) return 'access_denied'
      const { userId, scope, deviceId, clientId } = grant
      return { ...(await this.#granting.openIn(tx, { userId, scope, deviceId, clientId }, client, origin)), scope }
    })
    // thrown after the commit, because what was written stays
    if (typeof result === 'string') throw new OAuthError(result, messages[result])
    return result
  }

  async #wait(tx: Tx, { deviceCodeHash, nextPollTs, intervalMs }: store.DeviceGrant) {
    const now = this.#clock.steady()
    const isEarly = now < nextPollTs
    const wait = isEarly ? intervalMs + INTERVAL_MS : intervalMs
    await store.setNextPoll(tx, deviceCodeHash, { nextPollTs: now + wait - LENIENCE_MS, intervalMs: wait })
    return isEarly ? 'slow_down' : 'authorization_pending'
  }

  async sweep(): Promise<void> {
    const before = this.#clock.steady() - LIFETIME_MS
    await this.#database.transaction('forget device grants', (tx) => store.removeDeviceGrants(tx, before))
  }
}

/** Of a client's interval a part is spent on the way. */
const LENIENCE_MS = 1_000

const messages = {
  access_denied: 'Somebody has denied it',
  authorization_pending: 'Nobody has decided yet',
  slow_down: 'You ask too often',
} as const

const busy = () => new OAuthError('temporarily_unavailable', 'Too many devices wait: try again later', 503)

function newUserCode(): string {
  return Array.from({ length: LENGTH }, () => letters[randomInt(letters.length)]).join('')
}
