/** Messages of Telegram as events: said once, and changed where they are changed there. */
import { createHash } from 'node:crypto'
import type { Message, Poll } from 'node-telegram-bot-api'
import { convert, type Converted } from '../content.ts'
import type { Files } from '../files.ts'
import { type Ghosts, speakerOf } from '../ghosts.ts'
import type { Content } from '../../appservice/event.ts'
import type { Matrix } from '../matrix.ts'
import type { Stickers } from '../stickers.ts'
import type { Database } from '../../appservice/database.ts'
import {
  addMessage,
  addPoll,
  findMessage,
  findPoll,
  NO_ANSWERS,
  type MessageRow,
  partsOfMessage,
  removePart,
  setContent,
} from '../store/messages.ts'
import { noteLastMessage, portalOfRoom } from '../store/portals.ts'
import { LivePlaces } from './live-places.ts'
import { namesOf, type NamesParts } from './names.ts'
import type { Place, Places } from './places.ts'

export interface PostsParts extends NamesParts {
  readonly matrix: Matrix
  readonly database: Database
  readonly ghosts: Ghosts
  readonly files: Files
  readonly stickers: Stickers
  readonly places: Places
  readonly bot: { readonly id: string }
}

const FALLBACK = 1_000

const hashOf = ({ content }: Converted): string =>
  createHash('sha256').update(JSON.stringify(content)).digest('base64url')

export class Posts {
  readonly #parts: PostsParts
  readonly #live = new LivePlaces()

  constructor(parts: PostsParts) {
    this.#parts = parts
  }

  /** `isLate`: without a file that cannot be had. */
  async add(message: Message, place: Place, isLate: boolean): Promise<void> {
    const { database, ghosts, places } = this.#parts
    const speaker = speakerOf(message)
    const { room_id: roomId } = place.portal
    const chatId = String(message.chat.id)
    if (!speaker || (await findMessage(database, chatId, message.message_id))) return
    const all = await this.#convert(message, isLate)
    const relation = await places.relation(message, place)
    const rows: MessageRow[] = []
    for (const [part, converted] of all.entries()) {
      const related = part === 0 || place.root !== undefined ? relation : {}
      const content = { ...converted.content, ...related }
      const txnId = this.#txn(message, 'new', part)
      const event = { roomId, type: converted.type, content, txnId, ts: message.date * 1000 }
      const { sender, eventId } = await ghosts.speak(speaker, event)
      rows.push(rowOf(message, { part, converted, sender, eventId, roomId }))
    }
    await database.transaction('telegram message', async (tx) => {
      for (const row of rows) await addMessage(tx, row)
      const poll = message.poll?.id
      if (rows[0] && poll !== undefined) await addPoll(tx, { ...rows[0], poll_id: poll, answers: NO_ANSWERS })
      await noteLastMessage(tx, chatId, message.message_id)
    })
  }

  /** Telegram tells of an edit also when only a reaction or a link preview changed. */
  async edit(message: Message, isLate: boolean): Promise<void> {
    await this.#change(message, isLate, { ts: (message.edit_date ?? message.date) * 1000 })
  }

  async #change(message: Message, isLate: boolean, when: { readonly ts?: number }): Promise<void> {
    const { database, matrix } = this.#parts
    const rows = await partsOfMessage(database, String(message.chat.id), message.message_id)
    const [first] = rows
    if (!first || first.is_from_matrix === 1 || this.#live.isTooSoon(message)) return
    const { sender, room_id: roomId } = first
    const all = await this.#convert(message, isLate)
    for (const [part, converted] of all.entries()) {
      const known = rows[part]
      const hash = hashOf(converted)
      if (hash === known?.hash) continue
      const txnId = this.#txn(message, `${message.edit_date}.${hash.slice(0, 8)}`, part)
      const content = known ? replacing(known.event_id, converted.content) : converted.content
      const eventId = await matrix.send(sender, { roomId, type: converted.type, content, txnId, ...when })
      const row = rowOf(message, { part, converted, sender, eventId, roomId })
      await database.transaction(
        'telegram edit',
        async (tx) => await (known ? setContent(tx, row) : addMessage(tx, row)),
      )
    }
    for (const row of rows.slice(all.length)) {
      await matrix.redact(row.sender, roomId, row.event_id, `tg.part.${row.event_id.slice(1)}`)
      await database.transaction('telegram part', (tx) => removePart(tx, row))
    }
  }

  /** A poll that somebody has asked in Telegram is over: who reads of it in Matrix sees how it went. */
  async closePoll(poll: Poll): Promise<void> {
    const { database } = this.#parts
    const known = poll.is_closed ? await findPoll(database, poll.id) : undefined
    const message = known && (await findMessage(database, known.chat_id, known.message_id))
    const portal = message && (await portalOfRoom(database, message.room_id))
    if (!portal || message.is_from_matrix === 1) return
    const chat = { id: Number(message.chat_id), type: portal.type }
    await this.#change({ message_id: message.message_id, date: 0, chat, poll }, false, {})
  }

  async #convert(message: Message, isWithoutFile: boolean): Promise<readonly Converted[]> {
    const { files, stickers } = this.#parts
    return await convert(message, { files, stickers, isWithoutFile, names: await namesOf(message, this.#parts) })
  }

  #txn({ chat, message_id: id }: Message, what: string, part: number): string {
    const event = part === 0 ? what : `${what}.${part}`
    return `tg.${this.#parts.bot.id}.${chat.id}.${id}.${event}`
  }
}

/** Apps that know no edits show what is outside: of a long text the beginning, for it is in the event twice. */
function replacing(eventId: string, content: Content): Content {
  const { filename } = content
  const body = String(content['body'])
  const { format: _, formatted_body: _formatted, ...plain } = content
  const outside = body.length > FALLBACK ? { ...plain, body: body.slice(0, FALLBACK).toWellFormed() } : content
  const isName = filename !== undefined && filename === body
  return {
    ...outside,
    body: isName ? body : `* ${outside['body'] as string}`,
    'm.new_content': content,
    'm.relates_to': { rel_type: 'm.replace', event_id: eventId },
  }
}

function rowOf(
  { chat, message_id }: Message,
  made: { part: number; converted: Converted; sender: string; eventId: string; roomId: string },
): MessageRow {
  const { part, converted, sender, eventId, roomId } = made
  return {
    chat_id: String(chat.id),
    message_id,
    part,
    room_id: roomId,
    event_id: eventId,
    sender,
    is_from_matrix: 0,
    hash: hashOf(converted),
    media: converted.media ?? null,
  }
}
