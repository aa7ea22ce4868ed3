/** The bot's own place in chats: what happens to their rooms where it is thrown out, may not write, or is back. */
import type { ChatMember } from 'node-telegram-bot-api'
import type { Clock } from '../../homeserver/platform/clock.ts'
import { KeyedLock } from '../../homeserver/platform/keyed-lock.ts'
import type { Database } from '../appservice/database.ts'
import type { Matrix } from './matrix.ts'
import { parkEvent, type StoredEvent, unparkEvents } from './store/events.ts'
import { type Portal, portalOfRoom, portalsOfChat, setRoomState } from './store/portals.ts'
import { type Telegram, verdictOf } from './telegram.ts'

/** What the bot can do in a chat. */
export type Place = 'active' | 'kicked' | 'muted'

export interface AccessParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Database
  readonly clock: Clock
  readonly bot: { readonly id: string }
  readonly wake: (roomId: string) => void
}

export class Access {
  readonly #parts: AccessParts
  /** By chat: what Telegram tells, and what it is asked, may be at the same time. */
  readonly #chats: KeyedLock

  constructor(parts: AccessParts) {
    this.#parts = parts
    this.#chats = new KeyedLock({ name: 'telegram chats', clock: parts.clock })
  }

  /** The rooms of a chat are so from now on, and are told. `key` is the same for the same news. */
  async changed(chatId: string, place: Place, key: string): Promise<void> {
    await this.#chats.run(chatId, () => this.#set(chatId, place, key))
  }

  /**
   * Telegram has refused this event as if the bot might not speak there. Gives whether that is so: then the event waits,
   * with all that follow.
   */
  async isShutOut(portal: Portal, { event_id: eventId, received_at: at }: StoredEvent): Promise<boolean> {
    const { database } = this.#parts
    return await this.#chats.run(portal.chat_id, async () => {
      const place = await this.#look(portal).catch(() => 'active' as const) // then it is told of as what was refused
      if (place === 'active') return false
      await this.#set(portal.chat_id, place, `found.${at}`)
      await database.transaction('matrix event parked', (tx) => parkEvent(tx, eventId))
      return true
    })
  }

  /** The event waits for the bot, unless that is back in the meantime. */
  async park({ chat_id: chatId, room_id: roomId }: Portal, eventId: string): Promise<void> {
    await this.#chats.run(chatId, () =>
      this.#parts.database.transaction('matrix event parked', async (tx) => {
        if (isAway(await portalOfRoom(tx, roomId))) await parkEvent(tx, eventId)
      }),
    )
  }

  /** Telegram has refused to speak of the chat: whether the bot is shut out there is looked at, and told of. */
  async look(portal: Portal): Promise<void> {
    await this.#chats.run(portal.chat_id, async () =>
      this.#set(portal.chat_id, await this.#look(portal), `looked.${this.#parts.clock.now()}`),
    )
  }

  /** Asks Telegram what the bot can do in the chat. Throws where it is not reached. */
  async #look({ chat_id: chatId, type }: Portal): Promise<Place> {
    const { telegram, bot } = this.#parts
    const chat = { chat_id: Number(chatId) }
    try {
      if (type === 'private') await telegram.sender.sendChatAction({ ...chat, action: 'typing' })
      return placeOf(await telegram.reader.getChatMember({ ...chat, user_id: Number(bot.id) }), type)
    } catch (error) {
      if (verdictOf(error).kind !== 'never') throw error
      return 'kicked'
    }
  }

  /** Who paused a room, or left it, ends that alone. */
  async #set(chatId: string, place: Place, key: string): Promise<void> {
    const { database, matrix, clock, wake } = this.#parts
    for (const portal of await portalsOfChat(database, chatId)) {
      const { room_id: roomId, state, thread_id: thread, type } = portal
      if (state === place || state === 'paused' || state === 'left') continue
      const text = (type === 'private' ? personTexts : texts)[place]
      await matrix.notice(roomId, text, `tg.state.${chatId}.${thread}.${key}.${place}`)
      await database.transaction('telegram state', async (tx) => {
        await setRoomState(tx, roomId, place)
        if (place === 'active') await unparkEvents(tx, roomId, clock.now())
      })
      if (place === 'active') wake(roomId)
    }
  }
}

/** Whether what is said in the room waits. */
export const isAway = (portal: Portal | undefined): portal is Portal =>
  portal?.state === 'kicked' || portal?.state === 'muted'

export function placeOf(member: ChatMember, type: string): Place {
  const { status } = member
  if (status === 'left' || status === 'kicked') return 'kicked'
  if (status === 'restricted') return 'can_send_messages' in member && !member.can_send_messages ? 'muted' : 'active'
  if (type !== 'channel' || status !== 'administrator') return 'active'
  return 'can_post_messages' in member && member.can_post_messages === true ? 'active' : 'muted'
}

const texts: Readonly<Record<Place, string>> = {
  kicked:
    'Telegram: the bot was removed from the group, or the group is gone. What is said here waits for a day for the bot to be back.',
  muted:
    'Telegram: the bot may not write in the group any more. What is said here waits for a day until it may; what is said there is still heard.',
  active: 'Telegram: the bot is back in the group.',
}

const personTexts: Readonly<Record<Place, string>> = {
  kicked: 'Telegram: this person does not want to hear from the bot any more. What is said here waits for a day.',
  muted: texts.muted,
  active: 'Telegram: this person hears the bot again.',
}
