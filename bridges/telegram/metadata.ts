/** Name, topic and picture of a room and its group, and what is pinned: as one side has them, the other shall. */
import { InputFile, TelegramApiError } from 'node-telegram-bot-api'
import type { Clock } from '../../homeserver/platform/clock.ts'
import { logger } from '../../homeserver/platform/log.ts'
import type { Database } from '../appservice/database.ts'
import type { MatrixEvent } from '../appservice/event.ts'
import { eventIdOf, mxcOf } from '../appservice/event.ts'
import { listOf, stringOf } from '../appservice/json.ts'
import type { Access } from './access.ts'
import { cleanName } from '../appservice/names.ts'
import { type Matrix, MediaGoneError } from './matrix.ts'
import { OddError } from './odd.ts'
import { findMessage, messagesOfEvent } from './store/messages.ts'
import { allPortals, type Portal, setPortalTitle } from './store/portals.ts'
import { type Telegram, verdictOf } from './telegram.ts'

/** Which side may change the other. */
export type MetadataSync = 'from_telegram' | 'both' | 'none'

/** What Telegram takes, in characters. */
const MAX_TITLE = 128
const MAX_DESCRIPTION = 255
const REFRESH_MS = 24 * 3600_000
const log = logger('telegram')

export interface MetadataParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Database
  readonly clock: Clock
  readonly access: Access
  readonly sync: MetadataSync
}

export class Metadata {
  readonly #parts: MetadataParts

  constructor(parts: MetadataParts) {
    this.#parts = parts
  }

  /** Whether rooms follow their groups. */
  get isFromTelegram(): boolean {
    return this.#parts.sync !== 'none'
  }

  /** Somebody has changed the room; the group follows, unless it is not to. */
  async toTelegram(
    { type, content }: MatrixEvent,
    { chat_id: chatId, thread_id: thread, room_id }: Portal,
  ): Promise<void> {
    const { telegram, database, sync } = this.#parts
    if (sync !== 'both' || thread !== 0) return
    const { sender } = telegram
    const chat = { chat_id: Number(chatId) }
    const { name, topic, url } = content
    const title = cleanName(stringOf(name) ?? '', MAX_TITLE)
    if (type === 'm.room.name' && title !== '') {
      await changed(sender.setChatTitle({ ...chat, title }))
      await database.transaction('telegram title', (tx) => setPortalTitle(tx, room_id, title))
    }
    if (type === 'm.room.topic' && typeof topic === 'string') {
      await changed(sender.setChatDescription({ ...chat, description: topic.slice(0, MAX_DESCRIPTION) }))
    }
    if (type === 'm.room.avatar') await this.#setPhoto(chat, url === '' ? undefined : url)
  }

  async #setPhoto(chat: { chat_id: number }, url: unknown): Promise<void> {
    const { telegram, matrix } = this.#parts
    if (url === undefined) return await changed(telegram.sender.deleteChatPhoto(chat))
    const mxc = mxcOf(url)
    if (mxc === undefined) throw new OddError('a picture without an address')
    const { bytes, type: contentType } = await matrix.download(mxc).catch((error: unknown) => {
      throw error instanceof RangeError || error instanceof MediaGoneError ? new OddError(error.message) : error
    })
    const photo = new InputFile(bytes, { filename: 'photo.jpg', contentType })
    await telegram.sender.setChatPhoto({ ...chat, photo })
  }

  /** Telegram tells no bot of descriptions and of what is not pinned any more: that is looked for once a day. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#parts.clock.every(REFRESH_MS, 'look at Telegram groups', () => this.#refreshAll(signal), signal)
  }

  async #refreshAll(signal: AbortSignal): Promise<void> {
    for (const portal of await allPortals(this.#parts.database)) {
      if (signal.aborted) return
      if (portal.state !== 'active' || portal.thread_id !== 0) continue
      await this.refresh(portal).catch(async (error: unknown) => {
        log.warn({ chat: portal.chat_id, problem: String(error) }, 'group not looked at')
        if (verdictOf(error).kind === 'never') await this.#parts.access.look(portal)
      })
    }
  }

  /** Takes over the description, and the pins. An empty description takes no topic away that the room has of its own. */
  async refresh(portal: Portal): Promise<void> {
    if (!this.isFromTelegram) return
    const { telegram, matrix } = this.#parts
    const { room_id: roomId } = portal
    const { description = '', pinned_message: latest } = await telegram.reader.getChat({
      chat_id: Number(portal.chat_id),
    })
    const { topic } = (await matrix.state(roomId, 'm.room.topic')) ?? {}
    if (description !== '' && description !== topic) {
      await matrix.trySetState(roomId, 'm.room.topic', { topic: description })
    }
    if (latest) await this.pin(latest.message_id, portal)
    else await this.#unpin(portal)
  }

  async pin(messageId: number, { chat_id: chatId }: Portal): Promise<void> {
    const { database, matrix } = this.#parts
    const known = await findMessage(database, chatId, messageId)
    if (!known) return
    const pinned = await this.#pinned(known.room_id)
    if (pinned.includes(known.event_id)) return
    await matrix.trySetState(known.room_id, 'm.room.pinned_events', { pinned: [...pinned, known.event_id] })
  }

  /** Nothing is pinned in the group. What the room has pinned that Telegram does not know stays. */
  async #unpin({ room_id: roomId }: Portal): Promise<void> {
    const { database, matrix } = this.#parts
    const pinned = await this.#pinned(roomId)
    const own: string[] = []
    for (const eventId of pinned) if ((await messagesOfEvent(database, eventId)).length === 0) own.push(eventId)
    if (own.length < pinned.length) await matrix.trySetState(roomId, 'm.room.pinned_events', { pinned: own })
  }

  async #pinned(roomId: string): Promise<readonly string[]> {
    const { pinned } = (await this.#parts.matrix.state(roomId, 'm.room.pinned_events')) ?? {}
    return listOf(pinned).filter((id) => eventIdOf(id) !== undefined) as string[]
  }
}

/** A group that is so already is done. */
async function changed(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!(error instanceof TelegramApiError && error.description.includes('is not modified'))) throw error
  })
}
