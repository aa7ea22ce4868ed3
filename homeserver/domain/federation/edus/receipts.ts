/** How far users have read, told to and by other servers. https://spec.matrix.org/v1.19/server-server-api/#receipts */
import { isJsonObject } from '../../../core/canonical-json.ts'
import type { Json, JsonObject } from '../../../core/event.ts'
import { type EventId, fitsId, isRoomId, isText, type RoomId, type ServerName, type UserId } from '../../../core/ids.ts'
import type { Bus } from '../../../platform/bus.ts'
import type { Background, Service } from '../../../platform/lifecycle.ts'
import type { ReceiptRow } from '../../../storage/receipts.ts'
import type { ReceiptNews, Receipts } from '../../ephemeral/receipts.ts'
import type { Members } from '../../rooms/members.ts'
import type { Outbox } from '../outbox.ts'
import type { Edu, EduReceiver } from '../receive/edu-receiver.ts'
import type { RoomServers } from '../room-servers.ts'
import type { EduGate } from './edu-gate.ts'

export interface ReceiptEdusParts {
  readonly bus: Bus
  readonly background: Background
  readonly members: Members
  readonly roomServers: RoomServers
  readonly receipts: Receipts
  readonly gate: EduGate
  readonly outbox: Outbox
}

/** Receipts of one EDU that are looked at. */
const MAX_RECEIPTS = 1_000
/** Events of one receipt that are looked at; others send one. */
const MAX_EVENTS = 5
const MAX_THREAD_ID = 255

export class ReceiptEdus implements EduReceiver, Service {
  readonly name = 'receipts of other servers'
  readonly #parts: ReceiptEdusParts
  #leave: (() => void) | undefined

  constructor(parts: ReceiptEdusParts) {
    this.#parts = parts
  }

  start(): Promise<void> {
    const { bus, background, members } = this.#parts
    this.#leave = bus.subscribe(({ stream, payload }) => {
      const news = stream === 'receipts' ? (payload as ReceiptNews | undefined) : undefined // only receipts.ts rings this stream
      const ours = news?.rows.filter((row) => row.receipt_type === 'm.read' && members.isLocal(row.user_id)) ?? []
      if (ours.length > 0) background.run('tell receipts', () => this.#tell(ours))
    })
    return Promise.resolve()
  }

  stop(): Promise<void> {
    this.#leave?.()
    return Promise.resolve()
  }

  async receive(origin: ServerName, { content }: Edu): Promise<void> {
    for (const { roomId, userId, said } of receiptsIn(content).slice(0, MAX_RECEIPTS)) {
      if (await this.#parts.gate.admits(origin, roomId, userId)) await this.#take(roomId, userId as UserId, said) // the gate has seen that it is one
    }
  }

  async #take(roomId: RoomId, userId: UserId, { event_ids: eventIds, data = {} }: JsonObject): Promise<void> {
    if (!Array.isArray(eventIds) || !isJsonObject(data)) return
    const { ts, thread_id: threadId } = data
    if (threadId !== undefined && (typeof threadId !== 'string' || threadId.length > MAX_THREAD_ID)) return
    for (const eventId of eventIds.slice(-MAX_EVENTS)) {
      if (!isName(eventId)) continue
      await this.#parts.receipts.receive({ roomId, userId, type: 'm.read', eventId, threadId, ts: timeIn(ts) })
    }
  }

  async #tell(rows: readonly ReceiptRow[]): Promise<void> {
    for (const { room_id: roomId, user_id: userId, thread_id: threadId, event_id: eventId, ts } of rows) {
      const servers = await this.#parts.roomServers.serversIn(roomId)
      if (servers.size < 2) continue
      const data = { ts, ...(threadId === '' ? {} : { thread_id: threadId }) }
      const content = { [roomId]: { 'm.read': { [userId]: { event_ids: [eventId], data } } } }
      this.#parts.outbox.passEdu(servers, { type: 'm.receipt', content }, `${roomId} ${userId} ${threadId}`)
    }
  }
}

/** Public receipts alone: other servers have no business with private ones. */
function receiptsIn(content: JsonObject): { roomId: RoomId; userId: string; said: JsonObject }[] {
  return Object.entries(content).flatMap(([roomId, byType]) => {
    const byUser = isRoomId(roomId) && isJsonObject(byType) ? byType['m.read'] : undefined
    if (!isRoomId(roomId) || !isJsonObject(byUser)) return []
    return Object.entries(byUser).flatMap(([userId, said]) => (isJsonObject(said) ? [{ roomId, userId, said }] : []))
  })
}

/** What another server calls an event: it need not be here, so nothing but the size of its id can be looked at. */
function isName(id: unknown): id is EventId {
  return typeof id === 'string' && id !== '' && fitsId(id) && isText(id)
}

function timeIn(ts: Json | undefined): number | undefined {
  return typeof ts === 'number' && Number.isSafeInteger(ts) && ts >= 0 ? ts : undefined
}
