import { parseDuration, parseSize } from '../config/units.ts'
import { systemClock } from '../platform/clock.ts'
import { withAdminApi } from './admin-api.ts'
import { type Command, UsageError } from './command.ts'

export const media: Command = {
  usage: 'purge (--remote | --local) --older DURATION [--larger SIZE] --yes',
  help: `Removes files. Works beside a running server; if none runs, one is started for the moment.

  --remote           copies from other servers: they come again when somebody looks at them
  --local            what people of this server uploaded, but for pictures of users and rooms: it is gone for good
  --older DURATION   those that came longer ago, such as 90d
  --larger SIZE      with --local: only larger ones, such as 10MiB`,
  options: {
    remote: { type: 'boolean' },
    local: { type: 'boolean' },
    older: { type: 'string' },
    larger: { type: 'string' },
    yes: { type: 'boolean' },
  },
  async run({ positionals, values: { remote, local, older, larger, yes }, config, print }) {
    if (positionals.join(' ') !== 'purge') throw new UsageError('purge?')
    if ((remote === true) === (local === true)) throw new UsageError('Either --remote or --local')
    const age = typeof older === 'string' ? parseDuration(older) : undefined
    if (age === undefined) throw new UsageError('--older is a duration such as 90d')
    const size = typeof larger === 'string' ? parseSize(larger) : 0
    if (size === undefined || (size > 0 && remote === true)) {
      throw new UsageError('--larger is a size such as 10MiB, and goes with --local')
    }
    if (yes !== true) throw new UsageError('purge cannot be undone: say so with --yes')
    const before = systemClock.now() - age
    const path =
      remote === true
        ? `/_synapse/admin/v1/purge_media_cache?before_ts=${before}`
        : `/_synapse/admin/v1/media/delete?before_ts=${before}&size_gt=${size}`
    const answer = await withAdminApi(config(), (ask) => ask('POST', path))
    print(`${Number(answer['deleted'] ?? answer['total'])} files removed`)
  },
}
