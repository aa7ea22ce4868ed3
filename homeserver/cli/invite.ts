import { parseDuration } from '../config/units.ts'
import { createRegistrationToken } from '../domain/accounts/registration-tokens.ts'
import { openDatabase } from '../open-database.ts'
import { systemClock } from '../platform/clock.ts'
import { type Command, CommandError, UsageError } from './command.ts'

export const invite: Command = {
  usage: '[--uses N] [--expires DURATION] [--code CODE]',
  help: `Makes a code with which people make their own accounts: clients ask for it as the registration token.

  --uses N             how many accounts   [1]
  --expires DURATION   such as 12h or 14d, or never   [7d]
  --code CODE          a code of your own instead of a random one

The first line printed is the code alone; the last one is a link that leads people to their account. Works beside a running server and without one.`,
  options: {
    uses: { type: 'string', default: '1' },
    expires: { type: 'string', default: '7d' },
    code: { type: 'string' },
  },
  async run({ values, positionals, config, print }) {
    if (positionals.length > 0) throw new UsageError(`Unexpected argument ${positionals[0]}`)
    const usesAllowed = readUses(String(values['uses']))
    const now = systemClock.now()
    const expiresTs = readExpiry(String(values['expires']), now)
    const token = typeof values['code'] === 'string' ? values['code'] : undefined
    const settings = config()
    if (!settings.registration.shared_secret)
      throw new CommandError('There is no server here yet: start it once with  npm start')
    await using database = await openDatabase(settings)
    const created = await createRegistrationToken(database, now, { token, usesAllowed, expiresTs })
    print(created.token)
    const until = expiresTs === undefined ? 'for ever' : `until ${new Date(expiresTs).toISOString().slice(0, 16)}Z`
    print(`Good for ${usesAllowed} account${usesAllowed === 1 ? '' : 's'} at ${settings.public_url}, ${until}`)
    print(`${settings.public_url}/i/${created.token}`)
    if (settings.registration.mode === 'closed') print('It works once registration.mode is invite: now it is closed')
  },
}

function readUses(text: string): number {
  const uses = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (uses < 1) throw new UsageError('--uses is a number from 1 on')
  return uses
}

function readExpiry(text: string, now: number): number | undefined {
  if (text === 'never') return undefined
  const duration = parseDuration(text)
  if (duration === undefined) throw new UsageError('--expires is a duration such as 12h or 14d, or never')
  return now + duration
}
