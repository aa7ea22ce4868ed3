/** Makes accounts. https://spec.matrix.org/v1.19/client-server-api/#account-registration-and-management */
import { randomInt } from 'node:crypto'
import { refuse } from '../../core/errors.ts'
import { fitsId, isUserLocalpart, type ServerName, type UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { logger } from '../../platform/log.ts'
import { addAccount, findAccount } from '../../storage/accounts.ts'
import type { Database, Tx } from '../../storage/database.ts'
import { setProfile } from '../../storage/profiles.ts'
import { useRegistrationToken } from '../../storage/registration-tokens.ts'
import { type Appservice, type Appservices, mayActAs } from './appservices.ts'
import type { AccountHooks, Arrival, Newcomer } from './hooks.ts'
import type { Passwords } from './passwords.ts'
import type { OpenSession, SessionOptions, Sessions } from './sessions.ts'

export interface NewUser {
  readonly userId: UserId
  readonly displayname?: string | undefined
  readonly avatarUrl?: string | undefined
  readonly password?: string | undefined
  readonly isAdmin?: boolean
  readonly appservice?: Appservice | undefined
  /** One use of it is counted together with the account. */
  readonly registrationToken?: string | undefined
  /** The versions of the documents that the stage `m.login.terms` has shown. */
  readonly acceptedTerms?: string | undefined
  /** The session to open at once. */
  readonly session?: SessionOptions | undefined
  /** What else is written with the account, or not at all. */
  readonly within?: (tx: Tx) => Promise<void>
}

const log = logger('accounts')

const LOCALPART_LENGTH = 12
const letters = 'abcdefghijklmnopqrstuvwxyz'

export class Registration {
  readonly #database: Database
  readonly #clock: Clock
  readonly #serverName: ServerName
  readonly #passwords: Passwords
  readonly #sessions: Sessions
  readonly #appservices: Appservices
  readonly #arrivals: readonly Arrival[]

  constructor(parts: {
    database: Database
    clock: Clock
    serverName: ServerName
    passwords: Passwords
    sessions: Sessions
    appservices: Appservices
    hooks: Pick<AccountHooks, 'arrivals'>
  }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#serverName = parts.serverName
    this.#passwords = parts.passwords
    this.#sessions = parts.sessions
    this.#appservices = parts.appservices
    this.#arrivals = parts.hooks.arrivals
  }

  /**
   * The user id that `username` would have; capitals are lowered. Throws `M_INVALID_USERNAME`, `M_USER_IN_USE` and
   * `M_EXCLUSIVE`.
   */
  async checkAvailable(username: string, asker?: Appservice): Promise<UserId> {
    const localpart = username.toLowerCase()
    const userId: UserId = `@${localpart}:${this.#serverName}`
    if (!isUserLocalpart(localpart)) {
      throw refuse(
        400,
        'M_INVALID_USERNAME',
        'A user name has only letters a to z, digits and the characters . _ = / + -',
      )
    }
    if (!fitsId(userId)) throw refuse(400, 'M_INVALID_USERNAME', 'The user name is too long')
    if (asker && !mayActAs(asker, userId)) {
      throw refuse(400, 'M_EXCLUSIVE', 'The user name is not in the namespace of the application service')
    }
    this.#appservices.refuseForeignUser(userId, asker)
    if (await findAccount(this.#database, userId)) throw inUse()
    return userId
  }

  /** A user id that nobody has. */
  makeUpUserId(): UserId {
    const localpart = Array.from({ length: LOCALPART_LENGTH }, () => letters[randomInt(letters.length)]).join('')
    return `@${localpart}:${this.#serverName}`
  }

  /**
   * Makes an account whose name `checkAvailable` has found good. All or nothing: account, profile, use of the
   * registration token, session. Throws `M_USER_IN_USE`, `M_UNAUTHORIZED` for a token that was used up in the meantime,
   * and what `Passwords.hash` throws.
   */
  async register(user: NewUser): Promise<OpenSession | undefined> {
    const {
      userId,
      displayname,
      avatarUrl,
      password,
      isAdmin = false,
      appservice,
      registrationToken,
      acceptedTerms,
      session,
      within,
    } = user
    const passwordHash = password === undefined ? undefined : await this.#passwords.hash(password)
    const createdTs = this.#clock.now()
    const opened = await this.#database.transaction('register', async (tx) => {
      if (registrationToken !== undefined && !(await useRegistrationToken(tx, registrationToken, createdTs))) {
        throw refuse(401, 'M_UNAUTHORIZED', 'The registration token is not valid any more')
      }
      const account = { userId, passwordHash, createdTs, appserviceId: appservice?.id, isAdmin, acceptedTerms }
      if (!(await addAccount(tx, account))) throw inUse()
      if (displayname !== undefined) await setProfile(tx, userId, { displayname, avatarUrl, fields: {} })
      await within?.(tx)
      return session && (await this.#sessions.openIn(tx, userId, session))
    })
    if (!appservice) await this.#welcome({ userId, isAdmin })
    return opened
  }

  /** The account is there, whatever goes wrong now. */
  async #welcome(newcomer: Newcomer): Promise<void> {
    for (const arrival of this.#arrivals) {
      try {
        await arrival.arrived(newcomer)
      } catch (error) {
        log.error({ error, userId: newcomer.userId }, 'a new user was not received as planned')
      }
    }
  }

  /** Makes the accounts as which application services speak, where they are missing. */
  async addSenders(): Promise<void> {
    for (const { id, sender } of this.#appservices.all) {
      const account = { userId: sender, createdTs: this.#clock.now(), appserviceId: id }
      await this.#database.transaction('add sender of application service', (tx) => addAccount(tx, account))
    }
  }
}

const inUse = () => refuse(400, 'M_USER_IN_USE', 'The user name is taken')
