/** Private chats with the bot, where they are rooms: of the admins of the bridge, who answer as the bot. */
import type { Message } from 'node-telegram-bot-api'
import type { Database } from '../appservice/database.ts'
import { speakerOfUser } from './ghosts.ts'
import type { Matrix } from './matrix.ts'
import type { Permissions } from './permissions.ts'
import { addPortal, countPortals, findPortal } from './store/portals.ts'

/** Everybody may write to a bot: strangers make no more rooms than these. */
export const MAX_ROOMS = 1_000

export interface PrivateChatsParts {
  readonly matrix: Matrix
  readonly database: Database
  readonly permissions: Permissions
  readonly privateChats: boolean
}

export class PrivateChats {
  readonly #parts: PrivateChatsParts

  constructor(parts: PrivateChatsParts) {
    this.#parts = parts
  }

  /** Whether the chat of this message has a room; it is made if it shall have one. */
  async hasRoom({ chat, from }: Message): Promise<boolean> {
    const { database, matrix, permissions, privateChats } = this.#parts
    const chatId = String(chat.id)
    if (await findPortal(database, chatId)) return true
    const { admins } = permissions
    const [admin] = admins
    if (!privateChats || admin === undefined || !from || from.is_bot) return false
    if ((await countPortals(database, 'private')) >= MAX_ROOMS) return false
    const { name } = speakerOfUser(from)
    const roomId = await matrix.createRoom({
      preset: 'private_chat',
      room_version: '11', // a creator above all power levels could not share the room with the admins
      name: `${name} (Telegram)`,
      invite: admins,
      power_level_content_override: {
        users: Object.fromEntries([matrix.botUserId, ...admins].map((userId) => [userId, 100])),
      },
    })
    const portal = { chat_id: chatId, thread_id: 0, room_id: roomId, type: 'private', title: name, bridged_by: admin }
    await database.transaction('telegram private chat', (tx) => addPortal(tx, portal))
    return true
  }
}
