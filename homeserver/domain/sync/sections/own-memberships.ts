/** What the user was in rooms at their events, read for many rooms at once. */
import type { EventId, RoomId } from '../../../core/ids.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import type { MembershipRow } from '../../../storage/memberships.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { RoomTimeline } from './state.ts'

/** Events of a room that are still to be told of, and the membership event that came after them. */
interface Open {
  readonly events: readonly StoredEvent[]
  readonly membership: StoredEvent | undefined
}

/** So many changes of membership are gone back; what was before them is not told. */
const MAX_ROUNDS = 5

/** `rows` are the user's memberships as they are now. Each points back to the one that it replaced. */
export async function ownMemberships(
  rows: ReadonlyMap<RoomId, MembershipRow>,
  rooms: readonly RoomTimeline[],
  events: EventCache,
): Promise<ReadonlyMap<EventId, string>> {
  const known = new Map<EventId, string>()
  const current = rooms.flatMap(({ roomId, timeline }): { row: MembershipRow; early: StoredEvent[] } | [] => {
    const row = rows.get(roomId)
    if (!row) return []
    const early = timeline.events.filter((event) => placeOf(event) < row.stream_id)
    for (const event of timeline.events) {
      if (placeOf(event) >= row.stream_id) known.set(event.eventId, row.membership)
    }
    return early.length > 0 ? { row, early } : []
  })
  const latest = await events.list(current.map(({ row }) => row.event_id))
  let open = current.map(({ row, early }): Open => ({ events: early, membership: latest.get(row.event_id) }))
  for (let round = 0; open.length > 0 && round < MAX_ROUNDS; round++) {
    const wanted = open.flatMap(({ membership }) => membership?.row.replaces_nid ?? [])
    const before = wanted.length > 0 ? await events.listByNid(wanted) : new Map<number, StoredEvent>()
    open = open.flatMap(({ events: unknown, membership }) => stepBack(unknown, membership, before, known))
  }
  return known
}

/** Tells what the one before `membership` decides, and gives what is left. */
function stepBack(
  events: readonly StoredEvent[],
  membership: StoredEvent | undefined,
  before: ReadonlyMap<number, StoredEvent>,
  known: Map<EventId, string>,
): Open | [] {
  if (!membership) return []
  const { replaces_nid: nid } = membership.row
  if (nid === null) {
    for (const { eventId } of events) known.set(eventId, 'leave')
    return []
  }
  const earlier = before.get(nid)
  const value = earlier?.pdu.content['membership']
  if (!earlier || typeof value !== 'string') return []
  for (const event of events) if (placeOf(event) >= placeOf(earlier)) known.set(event.eventId, value)
  const left = events.filter((event) => placeOf(event) < placeOf(earlier))
  return left.length > 0 ? { events: left, membership: earlier } : []
}

function placeOf({ row }: StoredEvent): number {
  return row.stream_id ?? 0
}
