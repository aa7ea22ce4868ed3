/** Builds all that has to do with account data. */
import type { Bus } from '../../platform/bus.ts'
import type { Database } from '../../storage/database.ts'
import type { Streams } from '../../storage/streams.ts'
import type { AccountHooks } from '../accounts/hooks.ts'
import { AccountData } from './account-data.ts'
import { IgnoredUsers } from './ignored-users.ts'
import { Tags } from './tags.ts'

export interface AccountDataServices {
  readonly accountData: AccountData
  readonly ignoredUsers: IgnoredUsers
  readonly tags: Tags
}

export function openAccountData(parts: {
  readonly database: Database
  readonly bus: Bus
  readonly streams: Streams
  /** What is kept for a device goes with it. */
  readonly hooks: Pick<AccountHooks, 'devices'>
}): AccountDataServices {
  const accountData = new AccountData(parts)
  parts.hooks.devices.push(accountData)
  return { accountData, ignoredUsers: new IgnoredUsers(parts), tags: new Tags({ accountData }) }
}
