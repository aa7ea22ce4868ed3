/** Who types and who has read up to where. https://spec.matrix.org/v1.19/client-server-api/#typing-notifications */
import { isEventId, type RoomId } from '../../../core/ids.ts'
import type { Database } from '../../../storage/database.ts'
import { listRoomReceipts, type ReceiptRow } from '../../../storage/receipts.ts'
import type { Typing } from '../../ephemeral/typing.ts'
import { sinceOf, type Span } from '../span.ts'

export class EphemeralSection {
  readonly #database: Database
  readonly #typing: Pick<Typing, 'typersSince'>

  constructor({ database, typing }: { database: Database; typing: Pick<Typing, 'typersSince'> }) {
    this.#database = database
    this.#typing = typing
  }

  /** Texts of events by room. `fresh` rooms are new to the client; of the others `withReceipts` have receipts that moved. */
  async texts(
    span: Span,
    { fresh, known, withReceipts }: Readonly<Record<'fresh' | 'known' | 'withReceipts', readonly RoomId[]>>,
  ): Promise<ReadonlyMap<RoomId, readonly string[]>> {
    const { filter } = span
    const receipts = filter.ephemeral.passes({ type: 'm.receipt' })
      ? await Promise.all([
          this.#receipts(span, fresh, 0),
          this.#receipts(span, withReceipts, sinceOf(span, 'receipts')),
        ])
      : []
    const texts = new Map<RoomId, string[]>(
      receipts.flatMap((byRoom) => [...byRoom].map(([roomId, rows]) => [roomId, receiptTexts(rows)] as const)),
    )
    if (!filter.ephemeral.passes({ type: 'm.typing' })) return texts
    const add = (roomId: RoomId, since: number): void => {
      if (!filter.ephemeral.passesRoom(roomId)) return
      const typers = this.#typing.typersSince(roomId, since)
      if (!typers) return
      const text = `{"content":{"user_ids":${JSON.stringify(typers)}},"type":"m.typing"}`
      texts.set(roomId, [...(texts.get(roomId) ?? []), text])
    }
    for (const roomId of fresh) add(roomId, 0)
    for (const roomId of known) add(roomId, sinceOf(span, 'typing'))
    return texts
  }

  async #receipts(
    { who, upto, filter }: Span,
    roomIds: readonly RoomId[],
    since: number,
  ): Promise<ReadonlyMap<RoomId, ReceiptRow[]>> {
    const wanted = roomIds.filter((roomId) => filter.ephemeral.passesRoom(roomId))
    if (wanted.length === 0 || since >= upto.receipts) return new Map()
    const rows = await listRoomReceipts(this.#database, wanted, since, upto.receipts, who.userId)
    return Map.groupBy(rows, ({ room_id }) => room_id)
  }
}

/** What other servers call an event may not look like one: in an event of its own that keeps no receipt from strict clients. */
function receiptTexts(rows: readonly ReceiptRow[]): string[] {
  if (rows.every(isWellNamed)) return [receiptText(rows)]
  const plain = rows.filter(isWellNamed)
  const odd = rows.filter((row) => !isWellNamed(row))
  return [...(plain.length > 0 ? [receiptText(plain)] : []), receiptText(odd)]
}

/** Whether the id of its event looks like one. */
export function isWellNamed({ event_id: eventId }: ReceiptRow): boolean {
  return isEventId(eventId)
}

/** The receipts of one room as an event. https://spec.matrix.org/v1.19/client-server-api/#mreceipt */
export function receiptText(rows: readonly ReceiptRow[]): string {
  return `{"content":${receiptContent(rows)},"type":"m.receipt"}`
}

export function receiptContent(rows: readonly ReceiptRow[]): string {
  const events: Record<string, Record<string, Record<string, object>>> = Object.create(null) as Record<string, never>
  for (const { event_id: eventId, receipt_type: type, user_id: userId, ts, thread_id: threadId } of rows) {
    const users = ((events[eventId] ??= {})[type] ??= {})
    // A user may have read one event in two ways; the one for all threads says more.
    if (threadId === '' || !users[userId]) users[userId] = threadId === '' ? { ts } : { ts, thread_id: threadId }
  }
  return JSON.stringify(events)
}
