/** Accounts in the hands of administrators: looked through, made, changed, handed out. */
import { forbidden, invalidParam, notFound, refuse } from '../../core/errors.ts'
import type { Json } from '../../core/event.ts'
import { parseUserId, type RoomId, type ServerName, type UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { accountOrders, type AccountQuery, type ListedAccount, searchAccounts } from '../../storage/account-list.ts'
import { listAccountData } from '../../storage/account-data.ts'
import type { Database } from '../../storage/database.ts'
import { addThreePid, listThreePids, removeThreePid, type ThreePid } from '../../storage/threepids.ts'
import type { Accounts } from '../accounts/accounts.ts'
import type { Moderation } from '../accounts/moderation.ts'
import type { Profiles } from '../accounts/profiles.ts'
import type { Registration } from '../accounts/registration.ts'
import type { Requester } from '../accounts/requester.ts'
import type { Devices } from '../devices/devices.ts'
import type { Members } from '../rooms/members.ts'
import type { CallHistory } from '../rtc/call-history.ts'

export { accountOrders }
export type { AccountQuery, ListedAccount }

/** What is absent stays as it is. */
export interface UserChanges {
  readonly password?: string | undefined
  /** Whether a new password ends the sessions that the old one opened. */
  readonly logsOut: boolean
  readonly displayname?: string | undefined
  readonly avatarUrl?: string | undefined
  readonly threePids?: readonly ThreePid[] | undefined
  readonly isAdmin?: boolean | undefined
  readonly isLocked?: boolean | undefined
  readonly isDeactivated?: boolean | undefined
}

export interface UserAdminParts {
  readonly database: Database
  readonly clock: Clock
  readonly serverName: ServerName
  readonly accounts: Accounts
  readonly moderation: Moderation
  readonly profiles: Profiles
  readonly registration: Registration
  readonly devices: Devices
  readonly members: Members
  readonly callHistory: Pick<CallHistory, 'staysOf'>
}

export class UserAdmin {
  readonly #parts: UserAdminParts

  constructor(parts: UserAdminParts) {
    this.#parts = parts
  }

  async search(query: AccountQuery): Promise<{ readonly accounts: ListedAccount[]; readonly total: number }> {
    return await searchAccounts(this.#parts.database, query)
  }

  /** Deactivated ones too. Throws `M_INVALID_PARAM` for users of other servers, and `M_NOT_FOUND`. */
  async get(userId: string): Promise<ListedAccount> {
    this.#refuseForeign(userId)
    const only = { userId, order: 'name', descending: false, from: 0, limit: 1 } as const
    const { accounts } = await searchAccounts(this.#parts.database, only)
    if (!accounts[0]) throw notFound('There is no such user')
    return accounts[0]
  }

  async threePids(
    userId: UserId,
  ): Promise<{ medium: string; address: string; added_at: number; validated_at: number }[]> {
    const found = await listThreePids(this.#parts.database, userId)
    return found.map(({ medium, address, addedTs, validatedTs }) => ({
      medium,
      address,
      added_at: addedTs,
      validated_at: validatedTs,
    }))
  }

  /** Makes the account if it is missing; tells whether it was. Throws what making and changing throw. */
  async put(admin: Requester, userId: string, changes: UserChanges): Promise<{ readonly isNew: boolean }> {
    this.#refuseForeign(userId)
    const { accounts, registration } = this.#parts
    const known = await accounts.find(userId)
    if (known) {
      await this.#change(admin, known.userId, known.isDeactivated, changes)
      return { isNew: false }
    }
    const localpart = parseUserId(userId)?.localpart ?? ''
    const name = await registration.checkAvailable(localpart)
    if (name !== userId) throw refuse(400, 'M_INVALID_USERNAME', 'A user name has no capitals')
    const { displayname = localpart, password, isAdmin } = changes
    await registration.register({ userId: name, displayname, password, isAdmin: isAdmin === true })
    const { password: _password, isAdmin: _isAdmin, ...rest } = changes
    await this.#change(admin, name, false, rest)
    return { isNew: true }
  }

  /** Throws `M_FORBIDDEN` for an account of an application service, besides what `Moderation.get` throws. */
  async resetPassword(userId: string, password: string, { logsOut }: { logsOut: boolean }): Promise<void> {
    const account = await this.#parts.moderation.get(userId)
    if (account.appserviceId !== undefined) throw forbidden('The account belongs to an application service')
    await this.#parts.accounts.setPassword(account.userId, password, { keep: logsOut ? [] : 'all' })
  }

  /** Account data outside of rooms, and by room. */
  async accountData(
    userId: UserId,
  ): Promise<{ global: Record<string, Json>; rooms: Record<RoomId, Record<string, Json>> }> {
    const global: Record<string, Json> = {}
    const rooms: Record<RoomId, Record<string, Json>> = {}
    for (const row of await listAccountData(this.#parts.database, userId, undefined, Number.MAX_SAFE_INTEGER)) {
      const content = JSON.parse(row.content) as Json // written by us
      if (row.room_id === '') global[row.type] = content
      else (rooms[row.room_id] ??= {})[row.type] = content
    }
    return { global, rooms }
  }

  /** All that the server keeps of a person and could hand out to them (GDPR, article 20), without what they wrote. */
  async export(userId: string): Promise<object> {
    const { devices, members, profiles, callHistory } = this.#parts
    const { user_id: id, created_ts: createdTs } = await this.get(userId)
    const [profile, sessions, rooms, threePids, accountData, calls] = await Promise.all([
      profiles.get(id).catch(() => ({})), // erased
      devices.list(id),
      members.roomsOf(id),
      this.threePids(id),
      this.accountData(id),
      callHistory.staysOf(id),
    ])
    return {
      user_id: id,
      created_ts: createdTs,
      profile,
      threepids: threePids,
      devices: sessions,
      rooms: [...rooms.values()].map(({ room_id, membership, display_name }) => ({
        room_id,
        membership,
        display_name,
      })),
      account_data: accountData,
      calls,
    }
  }

  async #change(admin: Requester, userId: UserId, wasDeactivated: boolean, changes: UserChanges): Promise<void> {
    const { moderation, profiles } = this.#parts
    const { password, displayname, avatarUrl, threePids, isAdmin, isLocked, isDeactivated } = changes
    if (wasDeactivated) {
      if (isDeactivated === false) throw invalidParam('A deactivated account is gone for good')
      throw invalidParam('The account is deactivated: nothing of it can be changed')
    }
    if (isAdmin !== undefined) await moderation.setAdmin(admin, userId, isAdmin)
    if (isLocked !== undefined && isLocked !== (await moderation.get(userId)).isLocked) {
      await moderation.restrict(admin, userId, { isLocked })
    }
    if (displayname !== undefined) await profiles.set(admin, userId, 'displayname', displayname || undefined)
    if (avatarUrl !== undefined) await profiles.set(admin, userId, 'avatar_url', avatarUrl || undefined)
    if (threePids) await this.#setThreePids(userId, threePids)
    if (password !== undefined) await this.resetPassword(userId, password, changes)
    if (isDeactivated === true) await moderation.deactivate(userId, { erase: false })
  }

  async #setThreePids(userId: UserId, wanted: readonly ThreePid[]): Promise<void> {
    const now = this.#parts.clock.now()
    const isSame = (one: ThreePid, other: ThreePid) => one.medium === other.medium && one.address === other.address
    await this.#parts.database.transaction('set addresses of a user', async (tx) => {
      const known = await listThreePids(tx, userId)
      for (const old of known) if (!wanted.some((one) => isSame(one, old))) await removeThreePid(tx, userId, old)
      for (const { medium, address } of wanted) {
        if (known.some((old) => isSame(old, { medium, address }))) continue
        if (!(await addThreePid(tx, { medium, address, userId, validatedTs: now, addedTs: now }))) {
          throw refuse(409, 'M_THREEPID_IN_USE', 'Somebody has this address')
        }
      }
    })
  }

  #refuseForeign(userId: string): void {
    if (parseUserId(userId)?.server !== this.#parts.serverName) throw invalidParam('The user is not of this server')
  }
}
