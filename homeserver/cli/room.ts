import { type Answer, withAdminApi } from './admin-api.ts'
import { type Command, UsageError } from './command.ts'

const PAGE = 500

export const room: Command = {
  usage: 'list [TERM] | delete ROOM --yes',
  help: `Looks after rooms. Works beside a running server; if none runs, one is started for the moment.

  list [TERM]         id, people of this server and in all, name; those whose name or alias holds TERM
  delete ROOM --yes   takes everybody of this server out of the room, hides it from them, and takes its aliases away.
                      What was said stays in the database. ROOM is an id or an alias.`,
  options: { yes: { type: 'boolean' } },
  async run({ positionals: [action, subject, ...rest], values, config, print }) {
    if (rest.length > 0) throw new UsageError(`Unexpected argument ${rest[0]}`)
    if (action === 'list') return print(await list(config(), subject))
    if (action === 'delete' && subject !== undefined) {
      if (values['yes'] !== true) throw new UsageError('delete cannot be undone: say so with --yes')
      return print(await remove(config(), subject))
    }
    throw new UsageError('list or delete ROOM?')
  },
}

type Config = Parameters<typeof withAdminApi>[0]

async function list(config: Config, term: string | undefined): Promise<string> {
  return await withAdminApi(config, async (ask) => {
    const lines: string[] = []
    for (let from: unknown = 0; from !== undefined;) {
      const search = term === undefined ? '' : `&search_term=${encodeURIComponent(term)}`
      const answer = await ask('GET', `/_synapse/admin/v1/rooms?limit=${PAGE}&from=${Number(from)}${search}`)
      for (const found of answer['rooms'] as Answer[]) lines.push(lineOf(found)) // our own server's answer
      from = answer['next_batch']
    }
    return lines.length === 0 ? 'There is no such room' : lines.join('\n')
  })
}

const lineOf = (found: Answer): string =>
  [
    found['room_id'],
    `${String(found['joined_local_members'])} of ${String(found['joined_members'])}`,
    found['canonical_alias'] ?? found['name'] ?? '',
  ]
    .join('\t')
    .trimEnd()

async function remove(config: Config, subject: string): Promise<string> {
  return await withAdminApi(config, async (ask) => {
    const roomId = subject.startsWith('#')
      ? (await ask('GET', `/_matrix/client/v3/directory/room/${encodeURIComponent(subject)}`))['room_id']
      : subject
    const gone = await ask('DELETE', `/_synapse/admin/v1/rooms/${encodeURIComponent(String(roomId))}`, {})
    const [kicked, failed] = [gone['kicked_users'], gone['failed_to_kick_users']] as string[][] // as the server says it
    const rest = failed && failed.length > 0 ? `; still in it: ${failed.join(', ')}` : ''
    return `${String(roomId)} is closed: ${kicked?.length ?? 0} people are out${rest}`
  })
}
