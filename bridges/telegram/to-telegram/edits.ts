/** Messages that Telegram has, changed and deleted there. */
import { type Content, type MatrixEvent, mxcOf } from '../../appservice/event.ts'
import { objectOf } from '../../appservice/json.ts'
import { split } from '../format/split.ts'
import { takeAway } from '../gone.ts'
import { OddError } from '../odd.ts'
import { relayed, textOfContent, type Voice } from '../relay.ts'
import type { StoredEvent } from '../store/events.ts'
import { type MessageRow, messagesOfEvent, removeMessage, setContent } from '../store/messages.ts'
import type { Portal } from '../store/portals.ts'
import { isGone, isUnmodified, verdictOf } from '../telegram.ts'
import type { Delivery } from './delivery.ts'
import { linksOf } from './links.ts'
import { type MessageParts, messageSteps } from './messages.ts'
import { textStep } from './steps.ts'

const INSTEAD_OF_DELETED = '[deleted]'
/** What becomes another file in place. https://core.telegram.org/bots/api#editmessagemedia */
const changeable: ReadonlySet<string | null> = new Set([null, 'photo', 'video', 'animation', 'audio', 'document'])

export interface EditsParts extends MessageParts {
  readonly delivery: Delivery
}

export class Edits {
  readonly #parts: EditsParts

  constructor(parts: EditsParts) {
    this.#parts = parts
  }

  /** Parts that both have are edited, the others deleted or added. `original` is the event that is edited, `voice` whose. */
  async edit(
    stored: StoredEvent,
    event: MatrixEvent,
    portal: Portal,
    { original, voice }: { original: string; voice: Voice },
  ): Promise<void> {
    const { database, telegram, delivery } = this.#parts
    const there = (await messagesOfEvent(database, original)).filter(({ sender }) => sender === event.sender)
    const rows = there.slice(0, there.length - stored.sent_parts) // without those that this edit has added already
    if (rows.length === 0) return
    const content = objectOf(event.content['m.new_content'])
    const mxc = mxcOf(content['url'])
    if (mxc !== undefined && rows[0]?.hash !== mxc)
      return await this.#replace(stored, event, portal, { rows, content, voice })
    const said = textOfContent(content, await linksOf(content, this.#parts))
    const media = rows[0]?.media ?? undefined
    if (said.text === '' && media === undefined) throw new OddError('an edit without text')
    const text = relayed(voice, said, { isEmote: content['msgtype'] === 'm.emote' })
    const parts = media === undefined ? split(text) : [text]
    for (const [index, { text: said, entities }] of parts.slice(0, rows.length).entries()) {
      const row = rows[index]
      if (!row) break
      await changed(
        media === undefined
          ? telegram.sender.editMessageText({ ...chatOf(row), text: said, entities: [...entities] })
          : telegram.sender.editMessageCaption({ ...chatOf(row), caption: said, caption_entities: [...entities] }),
      )
    }
    await this.#deleteParts(rows.slice(parts.length))
    const missing = parts.slice(rows.length).map((part) => textStep(telegram, part, {}))
    await delivery.send(stored, event, portal, missing, original)
  }

  /** Another file, or one where there was none. What Telegram cannot change so is said anew. */
  async #replace(
    stored: StoredEvent,
    event: MatrixEvent,
    portal: Portal,
    { rows, content, voice }: { rows: readonly MessageRow[]; content: Content; voice: Voice },
  ): Promise<void> {
    const { database, delivery } = this.#parts
    const [first, ...others] = rows
    const [step, ...more] = await messageSteps(this.#parts, voice, content)
    if (!first || !step) return
    if (!step.replace || !changeable.has(first.media)) {
      await delivery.send(stored, event, portal, [step, ...more], first.event_id)
      return await this.#deleteParts(rows)
    }
    await changed(step.replace(chatOf(first)))
    const row = { ...first, hash: step.source ?? '', media: step.media }
    await database.transaction('telegram media', (tx) => setContent(tx, row))
    await this.#deleteParts(others)
    await delivery.send(stored, event, portal, more, first.event_id)
  }

  async #deleteParts(rows: readonly MessageRow[]): Promise<void> {
    for (const row of rows) {
      await this.#delete(chatOf(row))
      await this.#parts.database.transaction('telegram part', (tx) => removeMessage(tx, row))
    }
  }

  /** The messages of an event that was redacted. */
  async redact(eventId: string, portal: Portal): Promise<void> {
    const { database } = this.#parts
    for (const row of await messagesOfEvent(database, eventId)) {
      if (row.room_id !== portal.room_id) continue
      await this.#delete(chatOf(row))
      await takeAway(this.#parts, row, eventId)
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

const chatOf = ({ chat_id, message_id }: MessageRow) => ({ chat_id: Number(chat_id), message_id })

/** An edit that changes nothing is an edit that is done. */
async function changed(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!isUnmodified(error) && !isGone(error)) throw error
  })
}
