/** How it goes with a server that is sent something: what a success and a failure make of it, and the patience with it (T52). */
import type { ServerName } from '../../core/ids.ts'
import type { DestinationRow } from '../../storage/destinations.ts'

const GRACE_MS = 15_000
const FIRST_MS = 60_000
const LONGEST_MS = 24 * 60 * 60 * 1000
/** What a server asks for beyond that is not heard. */
const MAX_ASKED_MS = 60 * 60 * 1000
/** A server that speaks to us is tried at once, but not again and again. */
const WAKE_AFTER_MS = 5_000

export interface Failure {
  readonly reason: string
  /** The server asks for so much time. */
  readonly retryAfterMs?: number
  /** How far the transaction goes, if anything of it is on disk. */
  readonly eventUpto: number | null
  readonly eduUpto: number | null
}

export function freshDestination(server: ServerName, lastSuccess: number | null = null): DestinationRow {
  return {
    server_name: server,
    failures: 0,
    failing_since: null,
    retry_at: null,
    last_error: null,
    last_success: lastSuccess,
    event_upto: null,
    edu_upto: null,
  }
}

/** `random` is in [0, 1). */
export function afterFailure(
  row: DestinationRow,
  { reason, retryAfterMs = 0, eventUpto, eduUpto }: Failure,
  { now, random }: { readonly now: number; readonly random: number },
): DestinationRow {
  const failures = row.failures + 1
  return {
    ...row,
    failures,
    failing_since: row.failing_since ?? now,
    retry_at: now + Math.max(Math.min(retryAfterMs, MAX_ASKED_MS), retryDelay(failures, random)),
    last_error: reason,
    event_upto: eventUpto,
    edu_upto: eduUpto,
  }
}

/** A quarter of a minute, a minute, then twice as long each time, a fifth more or less. */
function retryDelay(failures: number, random: number): number {
  const delay = failures <= 1 ? GRACE_MS : Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 2, 20))
  return Math.round(delay * (0.8 + 0.4 * random))
}

/** How long after a sign of life to try, so long after the last try. */
export function wakeDelay(sinceLastTryMs: number): number {
  return Math.max(0, WAKE_AFTER_MS - sinceLastTryMs)
}
