import { writeFile } from 'node:fs/promises'
import type { Config } from '../config/schema.ts'
import { type AskServer, withAdminApi } from './admin-api.ts'
import { type Command, CommandError, type Invocation, UsageError } from './command.ts'
import { listUsers } from './list-users.ts'
import { readPassword } from './password.ts'

interface Act {
  readonly ask: AskServer
  readonly userId: string
  readonly values: Invocation['values']
}

/** What is told afterwards. */
type Action = (act: Act) => Promise<string>

const pathOf = (userId: string, version: 'v1' | 'v2' = 'v2'): string =>
  `/_synapse/admin/${version}/users/${encodeURIComponent(userId)}`

const setLock =
  (locked: boolean): Action =>
  async ({ ask, userId }) => {
    await ask('PUT', `/_matrix/client/v1/admin/lock/${encodeURIComponent(userId)}`, { locked })
    return locked ? `${userId} is locked: the sessions stay, and can do nothing` : `${userId} is unlocked`
  }

const setAdmin =
  (admin: boolean): Action =>
  async ({ ask, userId }) => {
    await ask('PUT', `${pathOf(userId, 'v1')}/admin`, { admin })
    return `${userId} is ${admin ? 'an' : 'no'} administrator`
  }

const actions: Readonly<Record<string, Action>> = {
  lock: setLock(true),
  unlock: setLock(false),
  'make-admin': setAdmin(true),
  'take-admin': setAdmin(false),
  deactivate: async ({ ask, userId }) => {
    await ask('POST', `/_synapse/admin/v1/deactivate/${encodeURIComponent(userId)}`, { erase: false })
    return `${userId} is deactivated for good; the name stays taken`
  },
  erase: async ({ ask, userId, values }) => {
    if (values['yes'] !== true) throw new UsageError('erase cannot be undone: say so with --yes')
    const { total } = await ask('DELETE', `${pathOf(userId, 'v1')}/media`)
    await ask('POST', `/_synapse/admin/v1/deactivate/${encodeURIComponent(userId)}`, { erase: true })
    return `${userId} is deactivated, the profile and ${Number(total)} files are gone; messages stay with those who got them`
  },
  'reset-password': async ({ ask, userId }) => {
    const password = await readPassword({ name: 'New password', isNew: true })
    const body = { new_password: password, logout_devices: true }
    await ask('POST', `/_synapse/admin/v1/reset_password/${encodeURIComponent(userId)}`, body)
    return `${userId} has a new password, and is logged out everywhere`
  },
  'remove-second-factor': async ({ ask, userId }) => {
    await ask('DELETE', `/_domovoi/admin/v1/users/${encodeURIComponent(userId)}/second_factor`)
    return `${userId} logs in without a second factor`
  },
  export: async ({ ask, userId, values: { out } }) => {
    const text = `${JSON.stringify(await ask('GET', `/_domovoi/admin/v1/users/${encodeURIComponent(userId)}/export`), null, 2)}\n`
    if (typeof out !== 'string') return text
    await writeFile(out, text, { flag: 'wx', mode: 0o600 })
    return `${out} is written`
  },
}

export const user: Command = {
  usage: `list [--all] | ACTION NAME`,
  help: `Looks after accounts. NAME is a user name, or a whole id such as @alice:example.org.

  list             user id, day of registration, and what is special about it; --all also those that are deactivated,
                   and those of bridges, bots and the server itself
  lock, unlock     a locked user cannot do anything but log out
  make-admin, take-admin
  reset-password   asks for the new password, or reads it from the first line of standard input
  remove-second-factor
                   for somebody who has lost the telephone and the recovery codes; takes
                   away the passkeys as well
  export           what the server keeps of a person, as JSON; --out FILE writes it to a new file
  deactivate       ends the account for good
  erase --yes      ends the account, and removes the profile and the uploaded files

Works beside a running server; if none runs, one is started for the moment, on this machine only. What is changed is
noted in the audit log.`,
  options: { all: { type: 'boolean' }, out: { type: 'string' }, yes: { type: 'boolean' } },
  async run({ positionals: [action, name, ...rest], values, config, print }) {
    if (action === undefined || rest.length > 0) throw new UsageError('What is to be done, and with whom?')
    if (action === 'list' && name === undefined) {
      const settings = config()
      if (!settings.registration.shared_secret)
        throw new CommandError('There is no server here yet: start it once with  npm start')
      return await listUsers(settings, { all: values['all'] === true, print })
    }
    const act = Object.hasOwn(actions, action) ? actions[action] : undefined
    if (!act || name === undefined) throw new UsageError(act ? 'One NAME, please' : `Unknown: ${action}`)
    const settings = config()
    const userId = userIdOf(name, settings)
    print(await withAdminApi(settings, (ask) => act({ ask, userId, values })))
  },
}

const userIdOf = (name: string, { server_name: serverName }: Config): string =>
  name.startsWith('@') ? name : `@${name}:${serverName}`
