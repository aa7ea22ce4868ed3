/** For what runs beside the server: its failure never stops the server. */
import type { Clock } from './clock.ts'
import { logger } from './log.ts'

const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 60_000

/** Calls `start` until it works, after 1, 2, 4 … seconds. Gives what stops it, or the trying. */
export function keepStarting(
  name: string,
  clock: Clock,
  start: () => Promise<{ stop: () => Promise<void> }>,
): () => Promise<void> {
  const stopping = new AbortController()
  const running = trying(name, clock, start, stopping.signal)
  return async () => {
    stopping.abort(new Error('The server stops'))
    await (await running)?.stop()
  }
}

async function trying<Started>(
  name: string,
  clock: Clock,
  start: () => Promise<Started>,
  signal: AbortSignal,
): Promise<Started | undefined> {
  for (let wait = FIRST_WAIT_MS; !signal.aborted; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    try {
      return await start()
    } catch (error) {
      // Addresses of Telegram have its token in them.
      logger(name).error({ problem: String(error).replace(/\/bot\d+:[\w-]+/g, '/bot…') }, `${name} did not start`)
    }
    await clock.sleep(wait, signal).catch(() => undefined)
  }
  return undefined
}
