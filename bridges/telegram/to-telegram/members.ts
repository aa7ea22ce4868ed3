/** The people of a room: who comes, who goes, and what becomes of ghosts that are invited or thrown out. */
import type { Database } from '../../appservice/database.ts'
import type { MatrixEvent } from '../../appservice/event.ts'
import type { Bans } from '../bans.ts'
import type { DirectChats } from '../direct-chats.ts'
import type { Ghosts } from '../ghosts.ts'
import type { MatrixCommands } from '../matrix-commands.ts'
import type { Matrix } from '../matrix.ts'
import { portalOfRoom } from '../store/portals.ts'
import type { Telegram } from '../telegram.ts'
import type { Presence } from './presence.ts'
import type { Upgrades } from './upgrades.ts'

export interface MembersParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Database
  readonly ghosts: Ghosts
  readonly bans: Bans
  readonly commands: MatrixCommands
  readonly upgrades: Upgrades
  readonly presence: Presence
  readonly directChats: DirectChats
}

export class Members {
  readonly #parts: MembersParts

  constructor(parts: MembersParts) {
    this.#parts = parts
  }

  /** Ghosts that were thrown out are so in Telegram too. */
  async take(event: MatrixEvent): Promise<void> {
    const { matrix, ghosts, database, telegram, bans } = this.#parts
    const { state_key: userId = '', room_id: roomId, sender } = event
    const membership = event.content['membership']
    if (membership === 'invite') return await this.#invited(event)
    await this.#parts.presence.changed(event)
    if (membership !== 'leave' && membership !== 'ban') return
    const id = matrix.telegramIdOf(userId)
    if (id === undefined || matrix.isOurs(sender)) return
    await ghosts.forget(userId, roomId)
    const portal = await portalOfRoom(database, roomId)
    if (!portal || portal.state !== 'active' || portal.type === 'private' || id.startsWith('channel_')) return
    if (await bans.has(sender)) return
    const member = { chat_id: Number(portal.chat_id), user_id: Number(id) }
    await telegram.sender.banChatMember(member)
    if (membership === 'leave') await telegram.sender.unbanChatMember({ ...member, only_if_banned: true })
  }

  /** Of ourselves: the bot, or somebody's ghost. */
  async #invited(event: MatrixEvent): Promise<void> {
    const { matrix, database, commands, upgrades, directChats } = this.#parts
    const { state_key: userId = '', room_id: roomId, sender } = event
    if (!matrix.isOurs(userId) || matrix.isOurs(sender)) return
    if (userId === matrix.botUserId) {
      if (await commands.invited(event, await upgrades.isAwaited(roomId))) await upgrades.arrived(roomId)
      return
    }
    const id = matrix.telegramIdOf(userId) ?? ''
    if (await portalOfRoom(database, roomId)) await matrix.setMembership(userId, roomId, 'join')
    else if (id.startsWith('channel_')) await matrix.setMembership(userId, roomId, 'leave')
    else await directChats.invited(event, id)
  }
}
