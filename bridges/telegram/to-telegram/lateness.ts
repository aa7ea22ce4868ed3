/** What is said late: after a while it is told when it was said, and after hours it is not said any more. */
import type { MatrixEvent } from '../../appservice/event.ts'
import type { StoredEvent } from '../store/events.ts'

const LATE_MS = 10 * 60_000
const TOO_LATE_MS = 6 * 3600_000

/** It waited for so long that whoever said it shall say whether it is still to be sent. */
export class TooLateError extends Error {
  override name = 'TooLateError'

  constructor() {
    super('it waited for more than six hours')
  }
}

/**
 * When it was said, if that is a while ago. The clock of another server is not believed: there it counts from when the event
 * came. Throws `TooLateError`; what somebody had sent again, or what waited for the bot to be back, is never too late.
 */
export function lateness(
  { origin_server_ts: sentAt }: MatrixEvent,
  { received_at: receivedAt, waits_from: waitsFrom }: StoredEvent,
  { now, isLocal }: { now: number; isLocal: boolean },
): string | undefined {
  const saidAt = isLocal ? Math.min(sentAt, receivedAt) : receivedAt
  if (waitsFrom === null && now - saidAt > TOO_LATE_MS) throw new TooLateError()
  if (now - saidAt <= LATE_MS) return undefined
  return `${new Date(saidAt).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
