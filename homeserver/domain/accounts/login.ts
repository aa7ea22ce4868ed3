/** Who somebody is who logs in. https://spec.matrix.org/v1.19/client-server-api/#login */
import { forbidden, refuse } from '../../core/errors.ts'
import { isUserId, parseUserId, type ServerName, type UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { type Account, findAccount } from '../../storage/accounts.ts'
import type { Database } from '../../storage/database.ts'
import { addLoginToken, takeLoginToken } from '../../storage/sessions.ts'
import { type Appservice, mayActAs } from './appservices.ts'
import type { PasswordCheck } from './password-check.ts'
import { newToken, tokenHash } from './session-token.ts'
import { userLocked } from './sessions.ts'

/** How long a token for another device is good: somebody types or scans it at once. */
const LOGIN_TOKEN_MS = 2 * 60_000

export class Login {
  readonly #database: Database
  readonly #clock: Clock
  readonly #serverName: ServerName
  readonly #passwords: PasswordCheck

  constructor(parts: { database: Database; clock: Clock; serverName: ServerName; passwords: PasswordCheck }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#serverName = parts.serverName
    this.#passwords = parts.passwords
  }

  /**
   * `user` is a localpart or a whole user id. Throws `M_FORBIDDEN` alike for an unknown user and a wrong password,
   * `M_USER_DEACTIVATED`, `M_USER_LOCKED`, and `M_LIMIT_EXCEEDED` after too many failures.
   */
  async byPassword(user: string, password: string, ip: string): Promise<UserId> {
    const userId = await this.#resolve(user)
    const account = userId && (await this.#passwords.check(userId, password, ip))
    if (userId && account) return usable(account)
    if (userId && (await findAccount(this.#database, userId))?.isDeactivated === true) throw deactivated()
    throw forbidden('Wrong user name or password')
  }

  /** Uses the token up. Throws `M_FORBIDDEN`, `M_USER_DEACTIVATED` and `M_USER_LOCKED`. */
  async byToken(token: string): Promise<UserId> {
    const hash = tokenHash('login', token)
    const now = this.#clock.steady()
    const userId = hash && (await this.#database.transaction('use login token', (tx) => takeLoginToken(tx, hash, now)))
    const account = userId && (await findAccount(this.#database, userId))
    if (!account) throw forbidden('The login token is unknown, used or expired')
    return usable(account)
  }

  /** Throws `M_EXCLUSIVE` outside of the namespace, otherwise as the other ways do. */
  async byAppservice(appservice: Appservice, user: string): Promise<UserId> {
    const userId = await this.#resolve(user)
    if (!userId || !mayActAs(appservice, userId)) {
      throw refuse(400, 'M_EXCLUSIVE', 'The user is not in the namespace of the application service')
    }
    const account = await findAccount(this.#database, userId)
    if (!account) throw forbidden('The application service has not registered this user')
    return usable(account)
  }

  /** A token with which another device can log in once, for two minutes unless told. */
  async issueToken(
    userId: UserId,
    { expiresInMs = LOGIN_TOKEN_MS }: { expiresInMs?: number } = {},
  ): Promise<{ readonly token: string; readonly expiresInMs: number }> {
    const { token, hash } = newToken('login')
    const expiresTs = this.#clock.steady() + expiresInMs
    await this.#database.transaction('add login token', (tx) => addLoginToken(tx, hash, userId, expiresTs))
    return { token, expiresInMs }
  }

  /** For interactive authentication: whether `auth` has the password of this user. Throws `M_FORBIDDEN` if it names another. */
  async isPasswordOf(userId: UserId, auth: PasswordAuth, ip: string): Promise<boolean> {
    const { identifier, user: oldUser, password } = auth
    const user = isIdentifier(identifier) ? identifier.user : oldUser
    if (user !== undefined && (typeof user !== 'string' || (await this.#resolve(user)) !== userId)) {
      throw forbidden('Only the password of the user who asks passes')
    }
    if (typeof password !== 'string') return false
    return (await this.#passwords.check(userId, password, ip)) !== undefined
  }

  /** Registration lowers the case of names, so logging in does as well, unless there is an old account just like this. */
  async #resolve(user: string): Promise<UserId | undefined> {
    const id = user.startsWith('@') ? user : `@${user}:${this.#serverName}`
    if (!isUserId(id) || parseUserId(id)?.server !== this.#serverName) return undefined
    const lowered = id.toLowerCase() as UserId // as the line above showed
    if (lowered === id || (await findAccount(this.#database, id))) return id
    return `@${lowered.slice(1, lowered.indexOf(':'))}:${this.#serverName}`
  }
}

/** What is looked at in the `auth` of a body. */
interface PasswordAuth {
  readonly identifier?: unknown
  /** Before identifiers there were. */
  readonly user?: unknown
  readonly password?: unknown
  readonly type?: unknown
}

function isIdentifier(value: unknown): value is { readonly user: unknown } {
  return typeof value === 'object' && value !== null && 'user' in value
}

/** Throws `M_USER_DEACTIVATED` and `M_USER_LOCKED`. */
export function usable(account: Account): UserId {
  if (account.isDeactivated) throw deactivated()
  if (account.isLocked) throw userLocked()
  return account.userId
}

const deactivated = () => refuse(403, 'M_USER_DEACTIVATED', 'This account has been deactivated')
