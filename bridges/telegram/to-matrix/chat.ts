/** What happens to a chat itself: who comes and goes, its name, picture and pins, and the bot's own place in it. */
import type { ChatMember, ChatMemberUpdated, Message } from 'node-telegram-bot-api'
import type { Database } from '../../appservice/database.ts'
import type { Files } from '../files.ts'
import { type Ghosts, speakerOfUser } from '../ghosts.ts'
import type { Matrix } from '../matrix.ts'
import type { Metadata } from '../metadata.ts'
import { levelOf, setLevels } from '../powers.ts'
import { type Portal, type PortalState, portalsOfChat, setPortalState, setPortalTitle } from '../store/portals.ts'
import type { Topics } from '../topics.ts'

export interface ChatNewsParts {
  readonly matrix: Matrix
  readonly database: Database
  readonly ghosts: Ghosts
  readonly files: Files
  readonly topics: Topics
  readonly metadata: Metadata
  readonly bot: { readonly id: string }
}

export class ChatNews {
  readonly #parts: ChatNewsParts

  constructor(parts: ChatNewsParts) {
    this.#parts = parts
  }

  /** What is about the chat and not said in it. Gives whether the message was of that kind. */
  async service(message: Message, portal: Portal): Promise<boolean> {
    const { ghosts, matrix, topics, metadata, bot } = this.#parts
    const { room_id: roomId } = portal
    if (message.new_chat_members) {
      for (const user of message.new_chat_members) {
        if (String(user.id) !== bot.id) await ghosts.arrive(speakerOfUser(user), roomId)
      }
      return true
    }
    if (message.left_chat_member) {
      await ghosts.leave(matrix.ghostOf(message.left_chat_member.id), roomId)
      return true
    }
    if (message.pinned_message) {
      if (metadata.isFromTelegram) await metadata.pin(message.pinned_message.message_id, portal)
      return true
    }
    return (await this.#look(message, roomId)) || (await topics.service(message, portal))
  }

  /** Name and picture. */
  async #look(
    { new_chat_title: title, new_chat_photo: photo, delete_chat_photo: isDeleted }: Message,
    roomId: string,
  ): Promise<boolean> {
    const { database, matrix, files, metadata } = this.#parts
    if (title !== undefined) {
      if (metadata.isFromTelegram) await matrix.trySetState(roomId, 'm.room.name', { name: title })
      await database.transaction('telegram title', (tx) => setPortalTitle(tx, roomId, title))
      return true
    }
    const largest = photo?.at(-1)
    if (!largest && isDeleted !== true) return false
    if (!metadata.isFromTelegram) return true
    const picture = largest && (await files.toMatrix(largest, { kind: 'photo', name: 'photo.jpg', type: 'image/jpeg' }))
    await matrix.trySetState(roomId, 'm.room.avatar', picture ? { url: picture.mxc } : {})
    return true
  }

  async membership({ chat, new_chat_member: member }: ChatMemberUpdated): Promise<void> {
    const { database, ghosts, matrix } = this.#parts
    const { user } = member
    const levels = new Map([[matrix.ghostOf(user.id), levelOf(member)]])
    for (const { room_id: roomId, state } of await portalsOfChat(database, String(chat.id))) {
      if (state !== 'active') continue
      if (isThere(member)) await ghosts.arrive(speakerOfUser(user), roomId)
      else await ghosts.leave(matrix.ghostOf(user.id), roomId)
      await setLevels(matrix, roomId, levels)
    }
  }

  /** The bot itself was thrown out or forbidden to write, or is back. */
  async ownMembership({ chat, date, new_chat_member: member }: ChatMemberUpdated): Promise<void> {
    const { database, matrix } = this.#parts
    const portals = (await portalsOfChat(database, String(chat.id))).filter((portal) => portal.state !== 'paused')
    const state: PortalState = isThere(member) ? 'active' : 'kicked'
    for (const portal of portals) {
      const body = isMute(member) ? texts.mute : portal.state === state ? undefined : texts[state]
      if (body === undefined) continue
      await matrix.notice(portal.room_id, body, `tg.state.${chat.id}.${portal.thread_id}.${date}.${state}`)
    }
    if (portals.length > 0) {
      await database.transaction('telegram state', (tx) => setPortalState(tx, String(chat.id), state))
    }
  }
}

const texts = {
  kicked: 'Telegram: the bot was removed from the group. Nothing is bridged until it is back.',
  active: 'Telegram: the bot is back in the group.',
  mute: 'Telegram: the bot may not write in the group any more. What is said here is not heard there until it may.',
}

const isThere = ({ status }: ChatMember): boolean => status !== 'left' && status !== 'kicked'

const isMute = (member: ChatMember): boolean =>
  member.status === 'restricted' && 'can_send_messages' in member && member.can_send_messages === false
