import { diagnose as diagnoseServer, type Diagnosis } from '../domain/federation/diagnose.ts'
import { openOutgoing } from '../outgoing.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { createDns } from '../platform/dns.ts'
import { type Command, CommandError, UsageError } from './command.ts'

export const diagnose: Command = {
  usage: 'federation SERVER [--json]',
  help: `Looks at the way from this machine to another server, hop by hop: delegation, SRV records, addresses, certificate,
signing keys, version. Says which hop fails and what mends it. Give your own server's name to see what others see,
as far as this machine sees the same. Ends with 1 if the server cannot be talked with.

  --json    the findings for programs`,
  options: { json: { type: 'boolean' } },
  async run({ positionals: [subject, server, ...rest], values, config, print }) {
    if (subject !== 'federation' || server === undefined || rest.length > 0) {
      throw new UsageError(subject === undefined ? 'What is to be looked at?' : 'The arguments do not fit')
    }
    const dns = createDns({ clock })
    const fetch = await openOutgoing(config(), { dns, clock })
    try {
      const diagnosis = await diagnoseServer({ dns, fetch, clock }, server)
      print(values['json'] === true ? JSON.stringify(diagnosis, null, 2) : textOf(diagnosis))
      if (!diagnosis.ok) throw new CommandError(`${server} cannot be talked with`)
    } finally {
      fetch.close()
    }
  },
}

function textOf({ hops }: Diagnosis): string {
  return hops
    .map(({ hop, ok, detail, fix }) => {
      const line = `${ok ? 'good' : 'BAD '}  ${hop.padEnd(11)}${detail}`
      return fix === undefined ? line : `${line}\n${' '.repeat(17)}${fix}`
    })
    .join('\n')
}
