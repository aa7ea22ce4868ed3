/** Decides which rooms an answer tells of: those that the client asks for, as far as they are new to it or have news. */
import type { RoomId } from '../../../core/ids.ts'
import type { MembershipRow } from '../../../storage/memberships.ts'
import type { Notifier } from '../notifier.ts'
import type { KnownRoom, RoomLists } from '../room-lists.ts'
import type { Span } from '../span.ts'
import type { KnownTask } from './joined-rooms.ts'
import { configOf, type RoomConfig } from './room-config.ts'
import { live, type Telling, type ToldRoom } from './told.ts'

export interface Plan {
  readonly fresh: readonly { readonly roomId: RoomId; readonly config: RoomConfig }[]
  readonly known: readonly Pick<
    KnownTask,
    'roomId' | 'config' | 'before' | 'after' | 'hasEvents' | 'hasRead' | 'stayed'
  >[]
  /** Rooms the user is not in, as he should hear, with the place up to which the client has them as joined. */
  readonly absent: readonly { readonly row: MembershipRow; readonly config: RoomConfig; readonly after?: number }[]
}

export interface PlanParts {
  readonly span: Span
  /** What the client asks for, by room. */
  readonly wanted: ReadonlyMap<RoomId, RoomConfig>
  readonly memberships: ReadonlyMap<RoomId, MembershipRow>
  /** What changed in all the user's rooms in the span. */
  readonly lists: RoomLists
  readonly telling: Telling
  readonly notifier: Notifier
}

/** For a room of which the client has asked nothing just now. */
const bare = configOf(1, [])

export function plan({ span, wanted, memberships, lists, telling, notifier }: PlanParts): Plan {
  const since = span.since?.events ?? 0
  const changes = new Map(lists.known.map((room) => [room.roomId, room]))
  const entered = new Set(lists.fresh)
  const fresh: Plan['fresh'][number][] = []
  const known: Plan['known'][number][] = []
  const absent = new Map<RoomId, Plan['absent'][number]>()
  const after = ({ config, events }: ToldRoom): { after: number } | object =>
    config ? { after: events === live ? since : events } : {}
  for (const [roomId, config] of wanted) {
    const row = memberships.get(roomId)
    const told = telling.rooms.get(roomId)
    if (!row) continue
    if (row.membership !== 'join') {
      const isTold = told && !told.config && told.events === row.stream_id
      if (!isTold && (told || isShown(row))) absent.set(roomId, { row, config, ...(told ? after(told) : {}) })
    } else if (!told?.config || entered.has(roomId)) {
      fresh.push({ roomId, config })
    } else {
      const task = taskOf(roomId, told.config, config, told, changes.get(roomId), since, notifier)
      if (task) known.push(task)
    }
  }
  // What became of rooms the client knows is told even where they are in no window any more.
  for (const row of [...lists.invited, ...lists.knocked, ...lists.left.map((room) => room.row)]) {
    const told = telling.rooms.get(row.room_id)
    if (!told || absent.has(row.room_id) || (!told.config && told.events === row.stream_id)) continue
    absent.set(row.room_id, { row, config: told.config ?? bare, ...after(told) })
  }
  return { fresh, known, absent: [...absent.values()] }
}

/** Undefined where nothing is to be told. */
function taskOf(
  roomId: RoomId,
  before: RoomConfig,
  config: RoomConfig,
  { events }: ToldRoom,
  change: KnownRoom | undefined,
  since: number,
  notifier: Notifier,
): Plan['known'][number] | undefined {
  const expands = config.limit > before.limit || config.key !== before.key
  if (events !== live) {
    // Held back for a while: the counts may be others even where no event came.
    const hasEvents = notifier.roomChanged('events', roomId, events)
    return { roomId, config, before, after: events, hasEvents, hasRead: true, stayed: false }
  }
  if (!expands && !change?.hasEvents && !change?.hasRead) return undefined
  const { hasEvents = false, hasRead = false, stayed = true } = change ?? {}
  return { roomId, config, before, after: since, hasEvents, hasRead, stayed }
}

/** Rooms in which something changed that is not told keep the place up to which the client has them. */
export function holdBack({
  span,
  wanted,
  lists,
  telling,
}: Pick<PlanParts, 'span' | 'wanted' | 'lists' | 'telling'>): void {
  const { since } = span
  if (!since) return
  for (const { roomId, hasEvents, hasRead } of lists.known) {
    const told = telling.rooms.get(roomId)
    if (!told?.config || told.events !== live || wanted.has(roomId) || !(hasEvents || hasRead)) continue
    telling.set(roomId, { ...told, events: since.events })
  }
  // Who left and came back while nobody looked finds the room as a new one; who leaves again hears of that.
  for (const roomId of lists.fresh) {
    if (wanted.has(roomId) || !telling.rooms.get(roomId)?.config) continue
    telling.set(roomId, { config: undefined, events: 0, receipts: undefined, accountData: undefined })
  }
}

/** Who left by himself knows it, unless the client shows the room. */
function isShown({ membership, sender, user_id: userId, forgotten }: MembershipRow): boolean {
  if (membership === 'invite' || membership === 'knock') return true
  return forgotten === 0 && sender !== userId
}
