import type { UserId } from '../core/ids.ts'
import { openDatabase } from '../open-database.ts'
import { type Account, listAccounts } from '../storage/accounts.ts'
import { type Command, CommandError, UsageError } from './command.ts'

const PAGE = 1000

export const users: Command = {
  usage: '[--all]',
  help: `Lists the accounts of people: user id, day of registration, and what is special about it. Works beside a running
server and without one.

  --all   also those that have been deactivated, and those of bridges, bots and the server itself`,
  options: { all: { type: 'boolean' } },
  async run({ values, positionals, config, print }) {
    if (positionals.length > 0) throw new UsageError(`Unexpected argument ${positionals[0]}`)
    const settings = config()
    if (!settings.registration.shared_secret)
      throw new CommandError('There is no server here yet: start it once with  npm start')
    const ownUser: UserId = `@${settings.notices.user}:${settings.server_name}`
    const database = await openDatabase(settings)
    try {
      for (let after = '', more = true; more;) {
        const accounts = await listAccounts(database, { after, limit: PAGE })
        const shown =
          values['all'] === true ? accounts : accounts.filter((account) => isInUseByPerson(account, ownUser))
        if (shown.length > 0) print(shown.map(lineOf).join('\n'))
        after = accounts.at(-1)?.userId ?? ''
        more = accounts.length === PAGE
      }
    } finally {
      await database.close()
    }
  },
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
