import { rotateSigningKey, signingKeyFile, StartRefused } from '../installation.ts'
import { type Command, CommandError, UsageError } from './command.ts'

export const rotateKeys: Command = {
  usage: '',
  help: `Makes a new key for signing events and requests. The server uses it from its next start on, and tells other
servers until when the old one has signed, so that what is old stays valid. Do this when somebody else may have
seen the key file.`,
  async run({ positionals, config, print }) {
    if (positionals.length > 0) throw new UsageError(`Unexpected argument ${positionals[0]}`)
    const settings = config()
    try {
      print(await rotateSigningKey(settings))
    } catch (error) {
      throw error instanceof StartRefused ? new CommandError(error.message) : error
    }
    print(`${signingKeyFile(settings)} is written: restart the server, and back the file up again`)
  },
}
