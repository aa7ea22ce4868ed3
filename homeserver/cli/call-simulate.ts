import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Command, CommandError, UsageError } from './command.ts'
import type { Told } from './simulate/main.ts'
import { withServer } from './with-server.ts'

const program = fileURLToPath(new URL('simulate/main.ts', import.meta.url))

export const callSimulate: Command = {
  usage: '',
  help: `Makes a real call through the server that runs: two users who are there for it alone join as an app does, one says a
tone, the other must hear it; then one vanishes, and must be seen to leave. Says of each step how long it took, and of
one that fails what is probably wrong.

Exit codes: 0 calls work, 1 they do not, 69 there is no client of LiveKit for this machine.`,
  async run({ positionals, config, print }) {
    if (positionals.length > 0) throw new UsageError(`Unexpected argument ${positionals[0]}`)
    const told = await withServer(config(), async (url, secret) => {
      const child = fork(program)
      try {
        child.send({ url, secret })
        return await outcomeOf(child, print)
      } finally {
        child.kill('SIGKILL')
      }
    })
    if (told.kind === 'fails') throw new CommandError(told.why)
    if (told.kind === 'no client') {
      const missing = 'No @livekit/rtc-node runs on this machine: npm install puts it there where there is one'
      throw new CommandError(`${missing} (${told.why})`, { exitCode: 69 })
    }
    print('Calls work.')
  },
}

/** Passes on what is told, up to the end of it. */
function outcomeOf(child: ChildProcess, print: (line: string) => void): Promise<Told> {
  return new Promise((resolve, reject) => {
    child.on('message', (message) => {
      const told = message as Told // of our own program
      if (told.kind === 'line') print(told.line)
      else resolve(told)
    })
    child.once('error', reject)
    child.once('exit', () => reject(new CommandError('The simulation broke off')))
  })
}
