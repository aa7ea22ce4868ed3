/** For what runs beside the server: its failure never stops the server. */
import type { Clock } from './clock.ts'
import { logger } from './log.ts'

const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 60_000

export interface Startable {
  readonly stop: () => Promise<void>
  /** Resolves when it has come to an end by itself: then it is stopped, and started anew. */
  readonly ended?: Promise<unknown>
}

/** Calls `start` until it works, after 1, 2, 4 … seconds, and again when it ends. Gives what stops it, or the trying. */
export function keepStarting(name: string, clock: Clock, start: () => Promise<Startable>): () => Promise<void> {
  const stopping = new AbortController()
  const running = trying(name, clock, start, stopping.signal)
  return async () => {
    stopping.abort(new Error('The server stops'))
    await running
  }
}

/** Resolves when `signal` is aborted, and all is stopped. */
async function trying(name: string, clock: Clock, start: () => Promise<Startable>, signal: AbortSignal): Promise<void> {
  const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  for (let wait = FIRST_WAIT_MS; !signal.aborted; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    try {
      const { stop, ended } = await start()
      if (!signal.aborted) await Promise.race([aborted, ended ?? aborted])
      await stop()
      wait = FIRST_WAIT_MS / 2
      if (signal.aborted) return
    } catch (error) {
      // Addresses of Telegram have its token in them.
      logger(name).error({ problem: String(error).replace(/\/bot\d+:[\w-]+/g, '/bot…') }, `${name} did not start`)
    }
    await clock.sleep(wait, signal).catch(() => undefined)
  }
}
