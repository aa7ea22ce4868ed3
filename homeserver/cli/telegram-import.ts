import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config/schema.ts'
import { bridgeConfigOf } from '../telegram.ts'
import { type Command, CommandError, UsageError } from './command.ts'
import { withServer } from './with-server.ts'

export const telegramImport: Command = {
  usage: 'DIRECTORY --for USER',
  help: `Brings a chat that Telegram Desktop has exported (⋮, Export chat history, format JSON) into a room. Works beside a
running server; if none runs, one is started for the moment. It needs the Telegram bridge's settings.

  DIRECTORY    what was exported: result.json and the files beside it
  --for USER   who is invited to the room and has all power there, as in @alice:example.org

Run it again after an interruption, or with a newer export of the chat: what is there already does not come twice.`,
  options: { for: { type: 'string' } },
  async run({ positionals: [directory, ...rest], values, config, print }) {
    const { for: userId } = values
    if (directory === undefined || rest.length > 0) throw new UsageError('One directory is wanted')
    if (typeof userId !== 'string') throw new UsageError('Whose is the room? Say it by --for')
    print(await run(config(), directory, userId))
  },
}

async function run(config: Config, directory: string, userId: string): Promise<string> {
  if (!/^@[^\s:]+:./.test(userId) || !userId.endsWith(`:${config.server_name}`)) {
    throw new UsageError(`--for wants a user of this server, as in @alice:${config.server_name}`)
  }
  await access(join(directory, 'result.json')).catch(() => {
    throw new CommandError(`There is no result.json in ${directory}`)
  })
  const importTo = async (url: string): Promise<string> => {
    const bridge = await bridgeConfigOf(config, url)
    if (!bridge)
      throw new CommandError('There is no Telegram bridge: set telegram.bot_token_file, and restart the server')
    const { importExport } = await import('../../bridges/telegram/import/import.ts')
    const options = { directory, userId, maxUpload: config.media.max_upload }
    const { roomId, added, present } = await importExport(bridge, options)
    return `${added} messages came into ${roomId}; ${present} were there already`
  }
  const { homeserver } = config.telegram
  return await (homeserver === undefined ? withServer(config, importTo) : importTo(homeserver))
}
