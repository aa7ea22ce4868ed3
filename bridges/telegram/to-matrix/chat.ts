/** What happens to a chat itself: who comes and goes, its name, picture and pins, and the bot's own place in it. */
import type { ChatMember, ChatMemberUpdated, Message } from 'node-telegram-bot-api'
import type { Database } from '../../appservice/database.ts'
import { type Access, placeOf } from '../access.ts'
import type { Files } from '../files.ts'
import { type Ghosts, speakerOfUser } from '../ghosts.ts'
import type { Matrix } from '../matrix.ts'
import type { Metadata } from '../metadata.ts'
import { levelOf, setLevels } from '../powers.ts'
import { isHeard, type Portal, portalsOfChat, setPortalTitle } from '../store/portals.ts'
import type { Topics } from '../topics.ts'

export interface ChatNewsParts {
  readonly matrix: Matrix
  readonly database: Database
  readonly ghosts: Ghosts
  readonly files: Files
  readonly topics: Topics
  readonly metadata: Metadata
  readonly access: Access
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
    for (const { room_id: roomId } of (await portalsOfChat(database, String(chat.id))).filter(isHeard)) {
      if (isThere(member)) await ghosts.arrive(speakerOfUser(user), roomId)
      else await ghosts.leave(matrix.ghostOf(user.id), roomId)
      await setLevels(matrix, roomId, levels)
    }
  }

  /** The bot itself was thrown out or forbidden to write, or is back. */
  async ownMembership({ chat, date, new_chat_member: member }: ChatMemberUpdated): Promise<void> {
    await this.#parts.access.changed(String(chat.id), placeOf(member, chat.type), String(date))
  }
}

const isThere = ({ status }: ChatMember): boolean => status !== 'left' && status !== 'kicked'
