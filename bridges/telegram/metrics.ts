/** What the bridge counts of itself. */
import type { Metrics } from '../../homeserver/platform/metrics.ts'

type Direction = 'to_matrix' | 'to_telegram'

export type BridgeMetrics = ReturnType<typeof bridgeMetrics>

/** Registers them: once for a `Metrics`, however often the bridge starts. */
export function bridgeMetrics(metrics: Metrics) {
  const through = metrics.counter('telegram_bridged_total', 'What went through the Telegram bridge', [
    'direction',
    'result',
  ])
  const updates = metrics.counter('telegram_updates_total', 'Updates that came from Telegram', ['kind'])
  const calls = metrics.histogram('telegram_api_seconds', 'Calls of the Bot API that have an effect', ['method'])
  const errors = metrics.counter('telegram_api_errors_total', 'What the Bot API answered instead of a result', ['code'])
  const doubts = metrics.counter(
    'telegram_ambiguous_total',
    'Messages of which it was not known whether Telegram has them',
    ['result'],
  )
  const sends = metrics.histogram('telegram_matrix_send_seconds', 'Events that the bridge sent to the homeserver')
  const depth = metrics.gauge('telegram_queue', 'What waits in the Telegram bridge, or was given up', [
    'direction',
    'state',
  ])
  const oldest = metrics.gauge('telegram_queue_oldest_seconds', 'How long the first of those waits', ['direction'])
  const portals = metrics.gauge('telegram_portals', 'Rooms that are bridged with Telegram', ['state'])
  const last = metrics.gauge('telegram_last_update_seconds', 'When the last update came, in Unix time')
  return {
    bridged: (direction: Direction, result: 'done' | 'again' | 'dead') => through.inc({ direction, result }),
    updated: (kind: string) => updates.inc({ kind }),
    /** `code` of an error: a number of HTTP, or `network`. */
    called: (method: string, seconds: number, code: string | undefined) => {
      calls.observe(seconds, { method })
      if (code !== undefined) errors.inc({ code })
    },
    doubted: (result: 'adopted' | 'sent_again') => doubts.inc({ result }),
    sent: (seconds: number) => sends.observe(seconds),
    queue: (direction: Direction, counts: Readonly<Record<string, number>>, oldestSeconds: number) => {
      for (const [state, n] of Object.entries(counts)) depth.set(n, { direction, state })
      oldest.set(oldestSeconds, { direction })
    },
    portals: (byState: ReadonlyMap<string, number>) => {
      for (const state of ['active', 'paused', 'kicked', 'muted', 'left'])
        portals.set(byState.get(state) ?? 0, { state })
    },
    heardAt: (seconds: number) => last.set(seconds),
  }
}
