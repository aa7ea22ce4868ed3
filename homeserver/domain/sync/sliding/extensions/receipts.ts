/** Who has read up to where. Of a room that is new to the client only what it can show: receipts of its timeline, and its own. */
import type { RoomId } from '../../../../core/ids.ts'
import type { Database } from '../../../../storage/database.ts'
import { listRoomReceipts, type ReceiptRow } from '../../../../storage/receipts.ts'
import { isWellNamed, receiptText } from '../../sections/ephemeral.ts'
import { live, type Telling } from '../told.ts'
import { byRoom, type Extension, type ExtensionAnswer, nothingToSay, roomsOf, type Scene } from './extension.ts'

export class ReceiptsExtension implements Extension {
  readonly name = 'receipts'
  readonly #database: Database

  constructor({ database }: { readonly database: Database }) {
    this.#database = database
  }

  async answer(scene: Scene): Promise<ExtensionAnswer> {
    const { span, request, telling, lists } = scene
    const asked = request.extensions.receipts
    const rooms = roomsOf(scene, asked)
    const moved = new Set(lists.known.filter(({ hasReceipts }) => hasReceipts).map(({ roomId }) => roomId))
    const from = new Map<RoomId, number>()
    const fresh: RoomId[] = []
    for (const roomId of rooms) {
      const told = telling.rooms.get(roomId)?.receipts
      if (told === undefined || !span.since) fresh.push(roomId)
      else if (told !== live) from.set(roomId, told)
      else if (moved.has(roomId)) from.set(roomId, span.since.receipts)
      mark(telling, roomId, live)
    }
    for (const roomId of moved) {
      if (!rooms.has(roomId) && telling.rooms.get(roomId)?.receipts === live)
        mark(telling, roomId, span.since?.receipts)
    }
    if (!asked?.enabled) return nothingToSay
    const [news, first] = await Promise.all([this.#since(scene, from), this.#first(scene, fresh)])
    const texts = new Map([...news, ...first].map(([roomId, rows]) => [roomId, receiptText(rows)]))
    return { text: `{"rooms":${byRoom(texts)}}`, hasNews: texts.size > 0 }
  }

  async #since(
    { span }: Scene,
    from: ReadonlyMap<RoomId, number>,
  ): Promise<ReadonlyMap<RoomId, readonly ReceiptRow[]>> {
    if (from.size === 0) return new Map()
    const earliest = Math.min(...from.values())
    const rows = await this.#list(span, [...from.keys()], earliest)
    return Map.groupBy(
      rows.filter((row) => row.stream_id > (from.get(row.room_id) ?? 0)),
      (row) => row.room_id,
    )
  }

  async #first(
    { span, answers }: Scene,
    roomIds: readonly RoomId[],
  ): Promise<ReadonlyMap<RoomId, readonly ReceiptRow[]>> {
    if (roomIds.length === 0) return new Map()
    const shown = new Set(
      roomIds.flatMap((roomId) => answers.get(roomId)?.timeline.events.map(({ eventId }) => eventId) ?? []),
    )
    const rows = await this.#list(span, roomIds, 0)
    return Map.groupBy(
      rows.filter((row) => row.user_id === span.who.userId || shown.has(row.event_id)),
      (row) => row.room_id,
    )
  }

  async #list({ who, upto }: Scene['span'], roomIds: readonly RoomId[], after: number): Promise<ReceiptRow[]> {
    const rows = await listRoomReceipts(this.#database, roomIds, after, upto.receipts, who.userId)
    return rows.filter(isWellNamed) // there is one event for all of a room, which strict clients take wholly or not
  }
}

function mark(telling: Telling, roomId: RoomId, receipts: number | undefined): void {
  const told = telling.rooms.get(roomId)
  if (told) telling.set(roomId, { ...told, receipts })
}
