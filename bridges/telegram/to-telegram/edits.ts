/** Messages that Telegram has, changed and deleted there. */
import type { MatrixEvent } from '../../appservice/event.ts'
import { objectOf } from '../../appservice/json.ts'
import { split } from '../format/split.ts'
import { OddError } from '../odd.ts'
import { relayed, textOfContent } from '../relay.ts'
import type { StoredEvent } from '../store/events.ts'
import { messagesOfEvent, removeMessage } from '../store/messages.ts'
import type { Portal } from '../store/portals.ts'
import { isGone, isUnmodified, type Telegram, verdictOf } from '../telegram.ts'
import type { Delivery } from './delivery.ts'
import { linksOf, type LinksParts } from './links.ts'
import { textStep } from './steps.ts'

const INSTEAD_OF_DELETED = '[deleted]'

export interface EditsParts extends LinksParts {
  readonly telegram: Telegram
  readonly delivery: Delivery
}

export class Edits {
  readonly #parts: EditsParts

  constructor(parts: EditsParts) {
    this.#parts = parts
  }

  /** Parts that both have are edited, the others deleted or added. `original` is the event that is edited, `name` whose. */
  async edit(
    stored: StoredEvent,
    event: MatrixEvent,
    portal: Portal,
    { original, name }: { original: string; name: string },
  ): Promise<void> {
    const { database, telegram, delivery } = this.#parts
    const rows = (await messagesOfEvent(database, original)).filter(({ sender }) => sender === event.sender)
    if (rows.length === 0) return
    const content = objectOf(event.content['m.new_content'])
    const said = textOfContent(content, await linksOf(content, this.#parts))
    const media = rows[0]?.media ?? undefined
    if (said.text === '' && media === undefined) throw new OddError('an edit without text')
    const text = relayed(name, said, { isEmote: content['msgtype'] === 'm.emote' })
    const parts = media === undefined ? split(text) : [text]
    for (const [index, row] of rows.entries()) {
      const chat = { chat_id: Number(row.chat_id), message_id: row.message_id }
      const part = parts[index]
      if (!part) {
        await this.#delete(chat)
        await database.transaction('telegram part', (tx) => removeMessage(tx, row))
      } else if (media === undefined)
        await changed(telegram.sender.editMessageText({ ...chat, text: part.text, entities: [...part.entities] }))
      else
        await changed(
          telegram.sender.editMessageCaption({ ...chat, caption: part.text, caption_entities: [...part.entities] }),
        )
    }
    const missing = parts.slice(rows.length).map((part) => textStep(telegram, part, {}))
    await delivery.send(stored, event, portal, missing)
  }

  /** The messages of an event that was redacted. */
  async redact(eventId: string, portal: Portal): Promise<void> {
    const { database } = this.#parts
    for (const row of await messagesOfEvent(database, eventId)) {
      if (row.room_id !== portal.room_id) continue
      await this.#delete({ chat_id: Number(row.chat_id), message_id: row.message_id })
      await database.transaction('telegram deleted', (tx) => removeMessage(tx, row))
    }
  }

  async #delete(chat: { chat_id: number; message_id: number }): Promise<void> {
    const { sender } = this.#parts.telegram
    try {
      await sender.deleteMessage(chat)
    } catch (error) {
      if (isGone(error)) return
      if (verdictOf(error).kind !== 'never') throw error
      // Older than two days: what the bot said itself can still be changed.
      await changed(sender.editMessageText({ ...chat, text: INSTEAD_OF_DELETED }))
    }
  }
}

/** An edit that changes nothing is an edit that is done. */
async function changed(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!isUnmodified(error) && !isGone(error)) throw error
  })
}
