/**
 * `lone-caller.ts URL JWT [speak | listen]`: joins a call and stays until it is killed. Says, a line each: `in`; `out` with a
 * number when it is put out; `refused` if it may not join or not speak; `heard` when there is a tone.
 */
import { Caller, loadRtc } from '../../../homeserver/cli/simulate/caller.ts'

const [url = '', jwt = '', what] = process.argv.slice(2)
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const rtc = await loadRtc()
try {
  const caller = await Caller.join(rtc, { url, jwt })
  void caller.ended.then((reason) => say(`out ${reason}`))
  say('in')
  if (what === 'listen' && (await caller.hears(440, 60_000))) say('heard')
  if (what === 'speak') await caller.speak(440)
} catch {
  say('refused')
}
