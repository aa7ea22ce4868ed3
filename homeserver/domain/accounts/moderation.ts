/** What server administrators may do to accounts. https://spec.matrix.org/v1.19/client-server-api/#account-moderation */
import { forbidden, invalidParam, notFound } from '../../core/errors.ts'
import { parseUserId, type ServerName } from '../../core/ids.ts'
import type { Account } from '../../storage/accounts.ts'
import type { AccountRights, Accounts } from './accounts.ts'
import type { Deactivation } from './deactivation.ts'
import type { Requester } from './requester.ts'

export class Moderation {
  readonly #serverName: ServerName
  readonly #accounts: Accounts
  readonly #deactivation: Deactivation

  constructor(parts: { serverName: ServerName; accounts: Accounts; deactivation: Deactivation }) {
    this.#serverName = parts.serverName
    this.#accounts = parts.accounts
    this.#deactivation = parts.deactivation
  }

  /** An account in use. Throws `M_INVALID_PARAM` if it is not of this server, and `M_NOT_FOUND`. */
  async get(userId: string): Promise<Account> {
    if (parseUserId(userId)?.server !== this.#serverName) throw invalidParam('The user is not of this server')
    const account = await this.#accounts.find(userId)
    if (!account || account.isDeactivated) throw notFound('There is no such user')
    return account
  }

  /** An account with its restrictions. Throws as `get` does, and `M_FORBIDDEN` for another administrator's. */
  async inspect(admin: Requester, userId: string): Promise<Account> {
    const account = await this.get(userId)
    if (account.isAdmin && userId !== admin.userId && admin.isOperator !== true)
      throw forbidden('Administrators do not restrict one another')
    return account
  }

  /** Throws as `inspect` does, and `M_FORBIDDEN` for the administrator's own account. */
  async restrict(
    admin: Requester,
    userId: string,
    restriction: Pick<AccountRights, 'isLocked' | 'isSuspended'>,
  ): Promise<void> {
    if (userId === admin.userId) throw forbidden('You cannot lock or suspend yourself')
    const account = await this.inspect(admin, userId)
    await this.#accounts.setRights(account.userId, restriction)
  }

  /** Throws as `get` does, and `M_INVALID_PARAM` for who would be no administrator any more by their own doing. */
  async setAdmin(admin: Requester, userId: string, isAdmin: boolean): Promise<void> {
    const account = await this.get(userId)
    if (userId === admin.userId && !isAdmin) throw invalidParam('You cannot take this right from yourself')
    await this.#accounts.setRights(account.userId, { isAdmin })
  }

  /** Throws as `get` does. */
  async deactivate(userId: string, options: { erase: boolean }): Promise<void> {
    const account = await this.get(userId)
    await this.#deactivation.deactivate(account.userId, options)
  }
}
