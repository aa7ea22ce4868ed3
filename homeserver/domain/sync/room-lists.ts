/** Which rooms an answer of /sync has to look at, and as what. */
import type { RoomId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { MembershipRow } from '../../storage/memberships.ts'
import { listOwnReceiptRooms, listRoomsWithEvents } from '../../storage/sync.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { PartialRooms } from '../rooms/partial-rooms.ts'
import { membershipOf } from '../rooms/visibility.ts'
import type { Notifier } from './notifier.ts'
import type { RoomTails } from './room-tails.ts'
import type { Span } from './span.ts'

type ByRoom = ReadonlyMap<RoomId, MembershipRow>

/** A joined room that the client knows. */
export interface KnownRoom {
  readonly roomId: RoomId
  /** There may be events or changes of state. */
  readonly hasEvents: boolean
  /** Receipts may have moved. */
  readonly hasReceipts: boolean
  /** The user has read on, so that other counts are unread. */
  readonly hasRead: boolean
  /** The user was joined all the time. */
  readonly stayed: boolean
}

export interface LeftRoom {
  readonly row: MembershipRow
  /** The client knows the room as a joined one. */
  readonly known: boolean
}

export interface RoomLists {
  readonly known: readonly KnownRoom[]
  /** Joined rooms that are new to the client. */
  readonly fresh: readonly RoomId[]
  readonly invited: readonly MembershipRow[]
  readonly knocked: readonly MembershipRow[]
  readonly left: readonly LeftRoom[]
}

/** Rows to look at, chosen from memory in the very moment in which the positions of the span are. */
export interface Candidates {
  readonly rows: readonly MembershipRow[]
  /** Memory does not reach back to the client's last answer: the rows are all there are. */
  readonly unsure: boolean
}

export class RoomLister {
  readonly #database: Database
  readonly #events: EventCache
  readonly #notifier: Notifier
  readonly #tails: RoomTails
  readonly #partialRooms: Pick<PartialRooms, 'has' | 'completedAt'>

  constructor(parts: {
    database: Database
    events: EventCache
    notifier: Notifier
    tails: RoomTails
    partialRooms: Pick<PartialRooms, 'has' | 'completedAt'>
  }) {
    this.#database = parts.database
    this.#events = parts.events
    this.#notifier = parts.notifier
    this.#tails = parts.tails
    this.#partialRooms = parts.partialRooms
  }

  /** What changed, not how many rooms there are, decides what this costs. */
  candidates({ who, since, fullState }: Pick<Span, 'who' | 'since' | 'fullState'>, rooms: ByRoom): Candidates {
    if (!since || fullState) return { rows: [...rooms.values()], unsure: false }
    const chosen = new Set<MembershipRow>()
    for (const stream of ['events', 'receipts', 'typing', 'sticky_events'] as const) {
      const changed = this.#notifier.roomsChanged(stream, since[stream])
      if (!changed) return { rows: [...rooms.values()], unsure: true }
      for (const roomId of changed) {
        const row = rooms.get(roomId)
        if (row) chosen.add(row)
      }
    }
    if (this.#notifier.userChanged('events', who.userId, since.events)) {
      for (const row of rooms.values()) if (row.stream_id > since.events) chosen.add(row)
    }
    return { rows: [...chosen], unsure: false }
  }

  /** `touched` are further rooms that must be looked at. */
  async list(span: Span, candidates: Candidates, rooms: ByRoom, touched: Iterable<RoomId>): Promise<RoomLists> {
    const { since, upto, filter } = span
    const ownReceipts = since ? await this.#ownReceiptRooms(span) : []
    const rows = new Map(candidates.rows.map((row) => [row.room_id, row]))
    for (const roomId of [...touched, ...ownReceipts]) {
      const row = rooms.get(roomId)
      if (row && row.stream_id <= upto.events && !rows.has(roomId)) rows.set(roomId, row)
    }
    // The user's other devices hear of the leaving of a room that is forgotten.
    const isHidden = (row: MembershipRow): boolean => row.forgotten === 1 && (!since || row.stream_id <= since.events)
    const wanted = [...rows.values()].filter((row) => !isHidden(row) && filter.passesRoom(row.room_id))
    const active = since && candidates.unsure ? await this.#active(wanted, since.events, upto.events) : undefined
    const lists = { known: [] as KnownRoom[], fresh: [] as RoomId[], left: [] as LeftRoom[] }
    const invited: MembershipRow[] = []
    const knocked: MembershipRow[] = []
    for (const row of wanted) {
      const { room_id: roomId, membership } = row
      const moved = !since || row.stream_id > since.events
      // Who wants to be told of all members is told of the room when they are known.
      if (membership === 'join' && !filter.state.lazyLoadMembers && this.#partialRooms.has(roomId)) continue
      if (membership === 'join') {
        const was = since && moved ? await this.#membershipsIn(span, roomId) : ['join']
        if (!since || was[0] !== 'join' || this.#wasHidden(span, since.events, roomId)) lists.fresh.push(roomId)
        else {
          const hasReceipts = this.#notifier.roomChanged('receipts', roomId, since.receipts)
          const own = ownReceipts.includes(roomId)
          lists.known.push({
            roomId,
            hasEvents: active?.has(roomId) ?? this.#notifier.roomChanged('events', roomId, since.events),
            hasReceipts: own || hasReceipts,
            hasRead: own,
            stayed: was.every((past) => past === 'join'),
          })
        }
      } else if (!moved) continue
      else if (membership === 'invite') invited.push(row)
      else if (membership === 'knock') knocked.push(row)
      else if (since) lists.left.push({ row, known: (await this.#membershipsIn(span, roomId))[0] === 'join' })
      else if (filter.includeLeave) lists.left.push({ row, known: false })
    }
    return { ...lists, invited, knocked }
  }

  /** Whether the room became whole in this span, for a client that was not told of it before. */
  #wasHidden({ upto, filter }: Span, since: number, roomId: RoomId): boolean {
    const place = this.#partialRooms.completedAt(roomId)
    return place !== undefined && !filter.state.lazyLoadMembers && place > since && place <= upto.events
  }

  async #ownReceiptRooms({ who, since, upto }: Span): Promise<readonly RoomId[]> {
    if (!since || since.receipts >= upto.receipts) return []
    if (!this.#notifier.userChanged('receipts', who.userId, since.receipts)) return []
    return await listOwnReceiptRooms(this.#database, who.userId, since.receipts, upto.receipts)
  }

  async #active(rows: readonly MembershipRow[], after: number, upto: number): Promise<ReadonlySet<RoomId>> {
    const joined = rows.filter(({ membership }) => membership === 'join').map(({ room_id }) => room_id)
    return new Set(await listRoomsWithEvents(this.#database, joined, after, upto))
  }

  /** What the user was in the room at the beginning of the span, and everything he became since. */
  async #membershipsIn({ who, since, upto }: Span, roomId: RoomId): Promise<string[]> {
    const range = { after: since?.events ?? 0, upto: upto.events }
    const own = (await this.#tails.changes(roomId, range)).filter(
      ({ type, stateKey }) => type === 'm.room.member' && stateKey === who.userId,
    )
    const nids = [own[0]?.prevNid, ...own.map(({ nid }) => nid)]
    const missing = nids.filter((nid) => nid !== undefined && !this.#tails.find(roomId, nid)) as number[] // the test looked
    const read = missing.length > 0 ? await this.#events.listByNid(missing) : new Map<number, StoredEvent>()
    return nids.map((nid) =>
      membershipOf(nid === undefined ? undefined : (this.#tails.find(roomId, nid) ?? read.get(nid))),
    )
  }
}
