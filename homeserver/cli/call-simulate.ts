import { type Command, CommandError, UsageError } from './command.ts'
import { loadRtc } from './simulate/caller.ts'
import { simulateCall, StepFailed } from './simulate/simulate-call.ts'
import { withServer } from './with-server.ts'

export const callSimulate: Command = {
  usage: '',
  help: `Makes a real call through the server that runs: two users who are there for it alone join as an app does, one says a
tone, the other must hear it; then one vanishes, and must be seen to leave. Says of each step how long it took, and of
one that fails what is probably wrong.

Exit codes: 0 calls work, 1 they do not, 69 there is no client of LiveKit for this machine.`,
  async run({ positionals, config, print }) {
    if (positionals.length > 0) throw new UsageError(`Unexpected argument ${positionals[0]}`)
    const rtc = await loadRtc()
    if (!rtc) {
      throw new CommandError(
        'There is no @livekit/rtc-node for this machine: npm install puts it there where there is one',
        {
          exitCode: 69,
        },
      )
    }
    try {
      await withServer(config(), (url, secret) => simulateCall({ rtc, url, secret, report: print }))
      print('Calls work.')
    } catch (error) {
      throw error instanceof StepFailed ? new CommandError(error.message) : error
    } finally {
      await rtc.dispose()
    }
  },
}
