import { createHmac } from 'node:crypto'
import { type Command, CommandError, UsageError } from './command.ts'
import { readPassword } from './password.ts'
import { withServer } from './with-server.ts'

const PATH = '/_synapse/admin/v1/register'

export const registerUser: Command = {
  usage: 'NAME [--admin]',
  help: `Makes the account @NAME:server. The password is asked for, or read from the first line of standard input.
Works beside a running server; if none runs, one is started for the moment, on this machine only.`,
  options: { admin: { type: 'boolean' } },
  async run({ values, positionals, config, print }) {
    const [name, ...rest] = positionals
    if (name === undefined || rest.length > 0) throw new UsageError('One NAME, please')
    const settings = config()
    const password = await readPassword({ isNew: true })
    const admin = values['admin'] === true
    const userId = await withServer(settings, (url, secret) => register(url, secret, { name, password, admin }))
    print(`${userId} can log in${admin ? ', and is an administrator' : ''}`)
  },
}

interface Account {
  readonly name: string
  readonly password: string
  readonly admin: boolean
}

async function register(url: string, secret: string, { name, password, admin }: Account): Promise<string> {
  const { nonce } = (await call(`${url}${PATH}`)) as { nonce: string } // our own server's answer
  const mac = createHmac('sha1', secret)
    .update([nonce, name, password, admin ? 'admin' : 'notadmin'].join('\0'))
    .digest('hex')
  const body = JSON.stringify({ nonce, username: name, password, admin, mac, inhibit_login: true })
  const { user_id: userId } = (await call(`${url}${PATH}`, { method: 'POST', body })) as { user_id: string }
  return userId
}

async function call(url: string, init: { method?: string; body?: string } = {}): Promise<unknown> {
  const response = await fetch(url, { ...init, headers: { 'Content-Type': 'application/json' } })
  const answer = (await response.json()) as { error?: string }
  if (!response.ok) throw new CommandError(answer.error ?? `The server answered ${response.status}`)
  return answer
}
