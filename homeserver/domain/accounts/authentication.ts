/** Finds out who asks, from memory where it can. */
import { forbidden, invalidParam, refuse, unknownToken } from '../../core/errors.ts'
import { isUserId, type UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { Lru } from '../../platform/lru.ts'
import type { Secret } from '../../platform/secret.ts'
import { findAccount } from '../../storage/accounts.ts'
import type { Database } from '../../storage/database.ts'
import { listExternalIds } from '../../storage/external-ids.ts'
import { findSession, hasDevice, markUsed } from '../../storage/sessions.ts'
import { type Appservice, type Appservices, mayActAs } from './appservices.ts'
import type { LastSeen } from './last-seen.ts'
import { isOperatorToken } from './operator-token.ts'
import { type Requester, requesterFor } from './requester.ts'
import type { SessionNews } from './session-news.ts'
import { tokenHash } from './session-token.ts'
import { userLocked } from './sessions.ts'

export interface AuthenticationOptions {
  readonly asUser?: string
  readonly asDevice?: string
  readonly timestamp?: number
  readonly ip: string
  readonly userAgent: string | undefined
  /** Whether the call is open to a locked account, as logging out is. */
  readonly whileLocked?: boolean
}

/** Who the command line acts as, and the secret that it shares with the server. */
export interface Operator {
  readonly userId: UserId
  readonly secret: Secret | undefined
}

interface Known {
  readonly who: Requester
  readonly expiresTs: number
  readonly isLocked: boolean
}

const MAX_CACHED = 20_000
/** An OAuth client of an administrator may administrate only if it has asked for it; consoles know this name. */
export const adminScope = 'urn:synapse:admin:*'

export class Authentication {
  readonly #database: Database
  readonly #clock: Clock
  readonly #appservices: Appservices
  readonly #lastSeen: LastSeen
  readonly #operator: Operator
  /** By the hash of the token; of an application service, also by whom it acts as. */
  readonly #cache = new Lru<string, Known>(MAX_CACHED)
  /** Counts the changes, so that an answer read before one is not kept after it. */
  #changes = 0

  constructor(parts: {
    database: Database
    clock: Clock
    appservices: Appservices
    lastSeen: LastSeen
    news: SessionNews
    operator: Operator
  }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#appservices = parts.appservices
    this.#lastSeen = parts.lastSeen
    this.#operator = parts.operator
    parts.news.subscribe(({ userId }) => this.#forget(userId))
    parts.appservices.subscribe({ reloaded: () => this.#forgetAppservices() })
  }

  /** Throws `M_UNKNOWN_TOKEN`, `M_USER_LOCKED`, and for an application service `M_FORBIDDEN` and `M_UNKNOWN_DEVICE`. */
  async authenticate(token: string, options: AuthenticationOptions): Promise<Requester> {
    const hash = tokenHash('access', token)
    if (hash === undefined) return await this.#actingFor(this.#appservices.getByToken(token), options)
    const known = this.#cache.get(hash) ?? (await this.#loadSession(hash))
    if (known.expiresTs <= this.#clock.steady()) throw unknownToken({ soft: true })
    if (known.isLocked && options.whileLocked !== true) throw userLocked()
    this.#lastSeen.note(known.who, options)
    return known.who
  }

  authenticateAppservice(token: string): { readonly appserviceId: string } {
    return { appserviceId: this.#appservices.getByToken(token).id }
  }

  /** Who sits at the command line, if the token was made there. */
  findOperator(token: string): Requester | undefined {
    const { secret, userId } = this.#operator
    if (!secret || !isOperatorToken(token, secret.reveal(), this.#clock.now())) return undefined
    const rights = { isGuest: false, isAdmin: true, isSuspended: false, isOperator: true, isUnlimited: true }
    return { userId, deviceId: undefined, sessionId: 'command line', appserviceId: undefined, ...rights }
  }

  async #loadSession(hash: string): Promise<Known> {
    const changes = this.#changes
    const session = await findSession(this.#database, hash)
    if (!session) throw unknownToken({ soft: false })
    if (session.isFresh) await this.#database.transaction('first use of a token', (tx) => markUsed(tx, hash))
    const { userId, deviceId, isGuest, isSuspended, isLocked, client, expiresTs = Infinity } = session
    const isAdmin = session.isAdmin && (client === undefined || client.scope.split(' ').includes(adminScope))
    const rights = { isGuest, isAdmin, isSuspended, appserviceId: undefined, clientId: client?.clientId }
    const who = { userId, deviceId, sessionId: deviceId, ...rights }
    const known = { who, expiresTs, isLocked }
    if (changes === this.#changes) this.#cache.set(hash, known)
    return known
  }

  /** https://spec.matrix.org/v1.19/application-service-api/#identity-assertion */
  async #actingFor(appservice: Appservice, options: AuthenticationOptions): Promise<Requester> {
    const { asUser = appservice.sender, asDevice, timestamp } = options
    if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
      throw invalidParam('ts is not a time in milliseconds')
    }
    const key = JSON.stringify([appservice.id, asUser, asDevice])
    const known = this.#cache.get(key) ?? (await this.#loadAssertion(key, appservice, asUser, asDevice))
    if (known.isLocked && options.whileLocked !== true) throw userLocked()
    this.#lastSeen.note(known.who, options)
    return timestamp === undefined ? known.who : { ...known.who, timestamp }
  }

  async #loadAssertion(
    key: string,
    appservice: Appservice,
    asUser: string,
    deviceId: string | undefined,
  ): Promise<Known> {
    if (!isUserId(asUser)) throw forbidden('The application service may not act as this user')
    if (!mayActAs(appservice, asUser)) return await this.#loadPuppet(appservice, asUser, deviceId)
    const changes = this.#changes
    const account = await findAccount(this.#database, asUser)
    if (!account || account.isDeactivated) throw forbidden('The application service has not registered this user')
    if (deviceId !== undefined && !(await hasDevice(this.#database, asUser, deviceId))) {
      throw refuse(400, 'M_UNKNOWN_DEVICE', 'The user has no such device')
    }
    const { isGuest, isAdmin, isSuspended, isLocked } = account
    const sessionId = deviceId ?? `appservice ${appservice.id}`
    const isUnlimited = asUser === appservice.sender || !appservice.isRateLimited
    const rights = { isGuest, isAdmin, isSuspended, isUnlimited }
    const who = { userId: asUser, deviceId, sessionId, appserviceId: appservice.id, ...rights }
    const known = { who, expiresTs: Infinity, isLocked }
    if (changes === this.#changes) this.#cache.set(key, known)
    return known
  }

  /**
   * A person who has linked the account with themselves in the other network: there they speak, here the service says it
   * as them. It has no more rights than a session of theirs without a device; the link is looked up each time, and so
   * ends it at once.
   */
  async #loadPuppet(appservice: Appservice, asUser: UserId, deviceId: string | undefined): Promise<Known> {
    const { id, puppetProvider, isRateLimited } = appservice
    const links = puppetProvider === undefined ? [] : await listExternalIds(this.#database, asUser)
    const isLinked = links.some(({ provider }) => provider === puppetProvider)
    const account = isLinked && deviceId === undefined ? await findAccount(this.#database, asUser) : undefined
    if (!account || account.isDeactivated) throw forbidden('The application service may not act as this user')
    const { isSuspended, isLocked } = account
    const who = { ...requesterFor(asUser, `puppet of ${id}`), isSuspended, isUnlimited: !isRateLimited }
    return { who, expiresTs: Infinity, isLocked }
  }

  #forgetAppservices(): void {
    this.#changes++
    this.#cache.deleteWhere(({ who }) => who.appserviceId !== undefined)
  }

  /** Looks through all: sessions change seldom, and requests need no second index to keep. */
  #forget(userId: string): void {
    this.#changes++
    this.#cache.deleteWhere(({ who }) => who.userId === userId)
  }
}
