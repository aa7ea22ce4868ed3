import { allHooks, type Hook, removeHook } from '../../bridges/webhooks/store/hooks.ts'
import { openDatabase } from '../open-database.ts'
import type { Database } from '../storage/database.ts'
import { type Command, CommandError, UsageError } from './command.ts'

export const webhook: Command = {
  usage: 'list | remove ID',
  help: `Looks after the webhooks of all rooms. Works beside a running server and without one.

  list       id, name, room, who made it, and what it does
  remove ID  ends it: its address is over, or is told nothing any more`,
  async run({ positionals: [action, id, ...rest], config, print }) {
    const isList = action === 'list' && id === undefined
    const isRemove = action === 'remove' && id !== undefined && rest.length === 0
    if (!isList && !isRemove) {
      throw new UsageError(action === undefined ? 'What is to be done?' : 'The arguments do not fit')
    }
    await using database = await openDatabase(config())
    print(isRemove ? await remove(database, id) : await list(database))
  },
}

async function list(database: Database): Promise<string> {
  return (await allHooks(database)).map(lineOf).join('\n') || 'No room has a webhook'
}

function lineOf({ hook_id: id, name, room_id: roomId, created_by: by, url, disabled_at: off }: Hook): string {
  const what = url === null ? 'posts' : off === null ? `tells ${new URL(url).host}` : 'switched off'
  return [id, name, roomId, by, what].join('\t')
}

async function remove(database: Database, id: string): Promise<string> {
  const count = await database.transaction('webhook removed', (tx) => removeHook(tx, id))
  if (count === 0) throw new CommandError(`There is no webhook ${id}`)
  return `The webhook ${id} is over`
}
