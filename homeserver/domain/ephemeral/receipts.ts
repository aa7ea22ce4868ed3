/** How far users have read. https://spec.matrix.org/v1.19/client-server-api/#receipts */
import { forbidden, invalidParam } from '../../core/errors.ts'
import { type EventId, isEventId, type RoomId, type UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database, Tx } from '../../storage/database.ts'
import { eventStatus, type StoredEvent } from '../../storage/events.ts'
import { GroupCommit } from '../../storage/group-commit.ts'
import {
  hasThread,
  listReceipts,
  listReceiptsOf,
  type ReceiptKey,
  type ReceiptRow,
  type ReceiptType,
  setReceipts,
} from '../../storage/receipts.ts'
import type { Streams } from '../../storage/streams.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { Members } from '../rooms/members.ts'
import { relationOf } from '../rooms/relation.ts'

export interface Receipt {
  readonly roomId: RoomId
  readonly userId: UserId
  readonly type: ReceiptType
  readonly eventId: EventId
  /** The root of a thread or `main`; undefined for all of the room. */
  readonly threadId?: string | undefined
  /** When the user has read it; now, unless another server says otherwise. */
  readonly ts?: number | undefined
}

/** What bells of the receipts stream carry. */
export interface ReceiptNews {
  readonly rows: readonly ReceiptRow[]
}

/** Without a place for an event that has none here. */
type NewRow = Omit<ReceiptRow, 'stream_id' | 'event_stream'> & { readonly event_stream: number | undefined }

export interface ReceiptParts {
  readonly database: Database
  readonly streams: Streams
  readonly clock: Clock
  readonly events: EventCache
  readonly members: Members
}

type Ahead = Pick<ReceiptRow, 'event_id' | 'event_stream'>

/** The place of an event that is not here, where no receipt was before: every other one is ahead of it. */
const beforeAll = Number.MIN_SAFE_INTEGER
/** How far relations are followed to the root of a thread. https://spec.matrix.org/v1.19/client-server-api/#threaded-read-receipts */
const MAX_HOPS = 3

export class Receipts {
  readonly #parts: ReceiptParts
  readonly #commits: GroupCommit<NewRow, undefined>

  constructor(parts: ReceiptParts) {
    this.#parts = parts
    this.#commits = new GroupCommit({
      database: parts.database,
      name: 'set receipts',
      write: (tx, rows) => this.#write(tx, rows),
    })
  }

  /**
   * Resolves when it is on disk. One that is not ahead of what is there changes nothing, nor does one for an event that
   * the room does not have: it may have been purged, and clients repeat what fails. Throws for those outside of the room,
   * and `M_INVALID_PARAM` for an event that is not in the thread.
   */
  async add(receipt: Receipt): Promise<void> {
    const { roomId, userId, threadId } = receipt
    if (!(await this.#parts.members.isJoined(roomId, userId))) throw forbidden('You are not in this room')
    const event = await this.#find(receipt)
    if (!event) return
    if (threadId !== undefined && !(await this.#isInThread(event, threadId))) {
      throw invalidParam('This event is not in the thread')
    }
    // An outlier has no place among the others.
    if (event.row.stream_id !== null) await this.#set(receipt, event.row.stream_id)
  }

  /**
   * From another server, which may speak of this user in this room: what does not fit is passed over (T30). The event may
   * be on its way here, or older than what is here: then the user's server is taken at its word.
   */
  async receive(receipt: Receipt): Promise<void> {
    if (receipt.type !== 'm.read') return
    const { roomId, eventId, threadId } = receipt
    const event = await this.#parts.events.find(eventId)
    if (event && !isShown(event, roomId)) return
    const fits = event ? (id: string) => this.#isInThread(event, id) : (id: string) => this.#isThread(roomId, id)
    if (threadId === undefined || (await fits(threadId))) await this.#set(receipt, event?.row.stream_id ?? undefined)
  }

  /** All of a user in a room, private and threaded ones too. */
  async list(roomId: RoomId, userId: UserId): Promise<readonly ReceiptRow[]> {
    return await listReceiptsOf(this.#parts.database, roomId, [userId])
  }

  async #find({ roomId, eventId }: Receipt): Promise<StoredEvent | undefined> {
    const event = await this.#parts.events.find(eventId)
    return event && isShown(event, roomId) ? event : undefined
  }

  async #set(
    { roomId, userId, type, eventId, threadId = '', ts }: Receipt,
    eventStream: number | undefined,
  ): Promise<void> {
    await this.#commits.add({
      room_id: roomId,
      user_id: userId,
      receipt_type: type,
      thread_id: threadId,
      event_id: eventId,
      event_stream: eventStream,
      ts: ts ?? this.#parts.clock.now(),
    })
  }

  async #isThread(roomId: RoomId, threadId: string): Promise<boolean> {
    if (threadId === 'main') return true
    const root = isEventId(threadId) ? await this.#parts.events.find(threadId) : undefined
    return root?.roomId === roomId && (await hasThread(this.#parts.database, root.eventId))
  }

  /** What relates to a root otherwise than by a thread is in the main timeline, and may stand for the thread as well. */
  async #isInThread({ row, pdu }: StoredEvent, threadId: string): Promise<boolean> {
    if (threadId === 'main') return row.thread_root === null
    if (row.thread_root !== null) return row.thread_root === threadId
    let [eventId, content] = [row.event_id, pdu.content]
    for (let hops = 0; eventId !== threadId; hops++) {
      const target = hops < MAX_HOPS ? relationOf(content)?.targetId : undefined
      const parent = target && (await this.#parts.events.find(target))
      if (!parent || parent.roomId !== row.room_id) return false
      ;[eventId, content] = [parent.eventId, parent.pdu.content]
    }
    return await hasThread(this.#parts.database, eventId)
  }

  async #write(tx: Tx, receipts: readonly NewRow[]): Promise<undefined[]> {
    const nothing = receipts.map(() => undefined)
    const ahead = new Map<string, Ahead>()
    const keyOf = (key: ReceiptKey): string => `${key.room_id} ${key.user_id} ${key.receipt_type} ${key.thread_id}` // none of them but the last has a space
    for (const row of await listReceipts(tx, receipts)) ahead.set(keyOf(row), row)
    const moved = new Map<string, NewRow & Ahead>()
    for (const receipt of receipts) {
      const key = keyOf(receipt)
      const before = moved.get(key) ?? ahead.get(key)
      const at = before?.event_stream ?? beforeAll
      const isAhead =
        receipt.event_stream === undefined ? receipt.event_id !== before?.event_id : receipt.event_stream > at
      if (isAhead) moved.set(key, { ...receipt, event_stream: receipt.event_stream ?? at })
    }
    if (moved.size === 0) return nothing
    const rows: ReceiptRow[] = []
    const first = this.#parts.streams.reserve(tx, 'receipts', moved.size, this.#concerned([...moved.values()]), {
      rows,
    } satisfies ReceiptNews)
    for (const receipt of moved.values()) rows.push({ ...receipt, stream_id: first + rows.length })
    await setReceipts(tx, rows)
    return nothing
  }

  /** The user who has read, for whom less is unread now, and all others in the room, unless it is private. */
  #concerned(rows: readonly NewRow[]): { rooms: RoomId[]; users: UserId[] } {
    const rooms = new Set<RoomId>()
    const users = new Set<UserId>()
    for (const { room_id: roomId, user_id: userId, receipt_type: type } of rows) {
      if (type === 'm.read') rooms.add(roomId)
      if (this.#parts.members.isLocal(userId)) users.add(userId)
    }
    return { rooms: [...rooms], users: [...users] }
  }
}

/** What the room shows. */
function isShown({ roomId, row }: StoredEvent, ofRoom: RoomId): boolean {
  return roomId === ofRoom && row.status === eventStatus.accepted
}
