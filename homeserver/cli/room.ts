import { type Answer, roomIdOf, withAdminApi } from './admin-api.ts'
import { type Command, UsageError } from './command.ts'
import { roomState } from './room-state.ts'

const PAGE = 500

export const room: Command = {
  usage: 'list [TERM] | delete ROOM --yes | state ROOM [--from SERVER [--yes] [--as USER]]',
  help: `Looks after rooms. Works beside a running server; if none runs, one is started for the moment.

  list [TERM]         id, people of this server and in all, name; those whose name or alias holds TERM
  delete ROOM --yes   takes everybody of this server out of the room, hides it from them, and takes its aliases away.
                      What was said stays in the database. ROOM is an id or an alias.
  state ROOM          where its history has forked, and on what the branches disagree
  state ROOM --from SERVER
                      what SERVER, which is in the room, tells otherwise of its state
  state ROOM --from SERVER --yes
                      takes the word of SERVER for it: USER, or whoever of this server has most power in the room,
                      joins it again by way of SERVER, and what SERVER tells then is the state`,
  options: { yes: { type: 'boolean' }, from: { type: 'string' }, as: { type: 'string' } },
  async run({ positionals: [action, subject, ...rest], values, config, print }) {
    if (rest.length > 0) throw new UsageError(`Unexpected argument ${rest[0]}`)
    if (action === 'list') return print(await list(config(), subject))
    if (action === 'delete' && subject !== undefined) {
      if (values['yes'] !== true) throw new UsageError('delete cannot be undone: say so with --yes')
      return print(await remove(config(), subject))
    }
    if (action === 'state' && subject !== undefined) return print(await roomState(config(), subject, values))
    throw new UsageError('list, delete ROOM or state ROOM?')
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
    const roomId = await roomIdOf(ask, subject)
    const gone = await ask('DELETE', `/_synapse/admin/v1/rooms/${encodeURIComponent(roomId)}`, {})
    const [kicked, failed] = [gone['kicked_users'], gone['failed_to_kick_users']] as string[][] // as the server says it
    const rest = failed && failed.length > 0 ? `; still in it: ${failed.join(', ')}` : ''
    return `${roomId} is closed: ${kicked?.length ?? 0} people are out${rest}`
  })
}
