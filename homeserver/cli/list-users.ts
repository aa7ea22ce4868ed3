/** The accounts of a server, from its database: works beside a running server and without one. */
import type { Config } from '../config/schema.ts'
import type { UserId } from '../core/ids.ts'
import { openDatabase } from '../open-database.ts'
import { type Account, listAccounts } from '../storage/accounts.ts'

const PAGE = 1000

export async function listUsers(config: Config, { all, print }: { all: boolean; print: (text: string) => void }) {
  const ownUser: UserId = `@${config.notices.user}:${config.server_name}`
  await using database = await openDatabase(config)
  for (let after = '', more = true; more;) {
    const accounts = await listAccounts(database, { after, limit: PAGE })
    const shown = all ? accounts : accounts.filter((account) => isInUseByPerson(account, ownUser))
    if (shown.length > 0) print(shown.map(lineOf).join('\n'))
    after = accounts.at(-1)?.userId ?? ''
    more = accounts.length === PAGE
  }
}

function isInUseByPerson({ userId, isDeactivated, appserviceId }: Account, ownUser: UserId): boolean {
  return !isDeactivated && appserviceId === undefined && userId !== ownUser
}

function lineOf(account: Account): string {
  const notes = [
    account.isAdmin && 'administrator',
    account.isLocked && 'locked',
    account.isSuspended && 'suspended',
    account.isDeactivated && 'deactivated',
    account.appserviceId !== undefined && `of ${account.appserviceId}`,
  ].filter((note) => note !== false)
  return [account.userId, new Date(account.createdTs).toISOString().slice(0, 10), notes.join(', ')].join('\t').trimEnd()
}
