/**
 * Whom a room shows in its calls, by the events of MatrixRTC: state events of the older form, sticky events of the newer one.
 * Those of encrypted rooms in the newer form nobody but the members can read.
 * https://github.com/matrix-org/matrix-spec-proposals/pull/4143
 */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { Json, JsonObject } from '../../core/event.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { currentStateEvents } from '../../storage/rooms.ts'
import { maxCallIdLength } from '../limits.ts'
import type { Members } from '../rooms/members.ts'
import type { StickyEvents } from '../rooms/sticky-events.ts'

export const stateMemberTypes = ['m.call.member', 'org.matrix.msc3401.call.member']
const stickyMemberTypes = ['m.rtc.member', 'org.matrix.msc4143.rtc.member']
export const callMemberTypes: ReadonlySet<string> = new Set([...stateMemberTypes, ...stickyMemberTypes])

export interface ShownMember {
  readonly userId: UserId
  readonly slotId: string
  /** Milliseconds since the epoch, by the clock of the member's server: when it was said, and until when it counts. */
  readonly since: number
  readonly until: number
}

/** What an event without `expires` means, and the most that we believe. */
const EXPIRES_MS = 4 * 3_600_000
const MAX_EXPIRES_MS = 24 * 3_600_000
/** Sticky events of a room that are looked at. */
const MAX_STICKY = 1_000

interface Parts {
  readonly database: Database
  readonly members: Members
  readonly stickyEvents: Pick<StickyEvents, 'list'>
}

/** Those who are in the room, also where what they said has expired. */
export async function shownMembers({ database, members, stickyEvents }: Parts, roomId: RoomId): Promise<ShownMember[]> {
  const [state, sticky] = await Promise.all([
    currentStateEvents(database, roomId, stateMemberTypes),
    stickyEvents.list([roomId], { after: 0, upto: Number.MAX_SAFE_INTEGER, limit: MAX_STICKY }),
  ])
  const shown = [...state.map(shownByState), ...latestOf(sticky.map(({ event }) => event)).map(shownBySticky)]
  const claimed = shown.filter((member) => member !== undefined)
  const inRoom = await Promise.all(claimed.map(({ userId }) => members.isJoined(roomId, userId)))
  return claimed.filter((_, index) => inRoom[index])
}

/** Undefined for one that says that its sender left. */
function shownByState({ row, pdu: { content } }: StoredEvent): ShownMember | undefined {
  const { application, call_id: callId = '', expires, created_ts: created } = content
  if (application !== 'm.call' || typeof callId !== 'string' || !isSlot(callId)) return undefined
  const since = row.origin_server_ts
  const lifetime = Math.min(Math.max(0, numberOr(expires, EXPIRES_MS)), MAX_EXPIRES_MS)
  const until = Math.min(numberOr(created, since), since) + lifetime
  return { userId: row.sender, slotId: `m.call#${callId || 'ROOM'}`, since, until }
}

function shownBySticky(event: StoredEvent): ShownMember | undefined {
  const { row, pdu, stickyMs } = event
  const { slot_id: slotId, member, application } = pdu.content
  if (typeof slotId !== 'string' || !isSlot(slotId)) return undefined
  if (!isJsonObject(member) || member['membership'] === 'leave') return undefined
  if (!isJsonObject(application) || application['type'] !== 'm.call') return undefined
  return { userId: row.sender, slotId, since: row.origin_server_ts, until: row.origin_server_ts + stickyMs }
}

/** What each member said last. */
function latestOf(events: readonly StoredEvent[]): StoredEvent[] {
  const latest = new Map<string, StoredEvent>()
  for (const event of events) {
    if (!stickyMemberTypes.includes(event.row.type)) continue
    latest.set(JSON.stringify([event.row.sender, stickyKeyOf(event.pdu.content)]), event)
  }
  return [...latest.values()]
}

/** What a table of ours can keep. */
const isSlot = (text: string): boolean => text.length <= maxCallIdLength && !text.includes('\0') && text.isWellFormed()

const stickyKeyOf = (content: JsonObject): Json => content['msc4354_sticky_key'] ?? content['sticky_key'] ?? ''

const numberOr = (value: Json | undefined, otherwise: number): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : otherwise
