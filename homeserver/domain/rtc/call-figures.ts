/** The calls of this server in numbers. */
import type { Counter, Metrics } from '../../platform/metrics.ts'
import type { StayRow } from '../../storage/call-history.ts'

/** How a connection to the SFU began, by the webhook that tells of it. */
const connections: Readonly<Record<string, 'connected' | 'failed'>> = {
  participant_joined: 'connected',
  participant_connection_aborted: 'failed',
}

export class CallFigures {
  readonly #started: Counter
  readonly #ended: Counter<'company'>
  readonly #minutes: Counter
  readonly #connections: Counter<'result'>

  /** `countLive` counts the rooms with a call. */
  constructor(metrics: Metrics, countLive: () => number) {
    metrics.observed('calls_live', 'Rooms in which a call goes on', 'gauge', countLive)
    this.#started = metrics.counter('calls_started_total', 'Calls that began')
    this.#ended = metrics.counter('calls_ended_total', 'Calls that ended: whether more than one person was in them', [
      'company',
    ])
    this.#minutes = metrics.counter('call_minutes_total', 'Minutes that people spent in calls that have ended')
    this.#connections = metrics.counter('call_connections_total', 'Connections to the SFU', ['result'])
  }

  started(): void {
    this.#started.inc()
  }

  ended(stays: readonly StayRow[]): void {
    const people = new Set(stays.map(({ user_id: userId }) => userId)).size
    this.#ended.inc({ company: people > 1 ? 'yes' : 'no' })
    const ms = stays.reduce((sum, { joined_ts: joined, left_ts: left }) => sum + (left ?? joined) - joined, 0)
    this.#minutes.add(ms / 60_000)
  }

  /** Takes the kind of a webhook. */
  told(event: string): void {
    const result = Object.hasOwn(connections, event) ? connections[event] : undefined
    if (result) this.#connections.inc({ result })
  }
}
