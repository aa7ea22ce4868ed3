/** The moment in which an answer is made: where the streams stand, and what rooms its user has then. */
import type { RoomId, UserId } from '../../core/ids.ts'
import { type StreamName, streamNames } from '../../core/token.ts'
import type { Clock } from '../../platform/clock.ts'
import type { MembershipRow } from '../../storage/memberships.ts'
import type { Positions, Streams } from '../../storage/streams.ts'
import type { Members } from '../rooms/members.ts'

/** How long another process may be ahead of this one before the client is answered all the same. */
const CATCH_UP_MS = 5_000

interface MomentParts {
  readonly clock: Clock
  readonly members: Members
  readonly streams: Streams
}

/**
 * Waits a little for streams that the client has seen further than this process. Undefined for a client that has seen what
 * was lost when a backup was put back: it begins anew.
 */
export async function reached(
  { streams, clock }: MomentParts,
  since: Positions,
  signal: AbortSignal,
): Promise<Positions | undefined> {
  if (streams.isLost(since.events)) return undefined
  // Typing is in memory alone: after a restart it begins anew.
  const typing = since.typing > streams.position('typing') ? 0 : since.typing
  const wanted = { ...since, typing }
  const isAhead = (stream: StreamName): boolean => wanted[stream] > streams.position(stream)
  if (!streamNames.some(isAhead)) return wanted
  const late = new AbortController()
  const cancel = clock.after(CATCH_UP_MS, () => late.abort(new Error('The streams did not catch up')))
  try {
    await streams.waitFor(wanted, AbortSignal.any([signal, late.signal]))
  } catch (error) {
    if (signal.aborted) throw error
  } finally {
    cancel()
  }
  // A token from before a restored backup: whatever is beyond will never come.
  const entries = streamNames.map((stream) => [stream, Math.min(wanted[stream], streams.position(stream))])
  return Object.fromEntries(entries) as Positions // one for each stream
}

/** The user's rooms, not ahead of what the streams have announced when this resolves. */
export async function roomsOf(
  { members, streams, clock }: MomentParts,
  userId: UserId,
): Promise<ReadonlyMap<RoomId, MembershipRow>> {
  const known = members.peekRooms(userId)
  if (known) return known
  const rooms = await members.roomsOf(userId)
  const events = Math.max(0, ...[...rooms.values()].map(({ stream_id }) => stream_id))
  if (events <= streams.position('events')) return rooms
  const late = new AbortController()
  const cancel = clock.after(CATCH_UP_MS, () => late.abort(new Error('The streams did not catch up')))
  await streams.waitFor({ events }, late.signal).finally(cancel)
  return rooms
}
