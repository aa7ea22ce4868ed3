/** The people of a room: what they are called, and what becomes of ghosts that are invited or thrown out. */
import { Lru } from '../../../homeserver/platform/lru.ts'
import type { Database } from '../../appservice/database.ts'
import type { MatrixEvent } from '../../appservice/event.ts'
import type { Ghosts } from '../ghosts.ts'
import type { MatrixCommands } from '../matrix-commands.ts'
import type { Matrix } from '../matrix.ts'
import { portalOfRoom } from '../store/portals.ts'
import type { Telegram } from '../telegram.ts'
import type { Upgrades } from './upgrades.ts'

const MAX_NAMES = 2_000

export interface MembersParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Database
  readonly ghosts: Ghosts
  readonly commands: MatrixCommands
  readonly upgrades: Upgrades
}

export class Members {
  readonly #parts: MembersParts
  /** Names of people in rooms. */
  readonly #names = new Lru<string, string>(MAX_NAMES)

  constructor(parts: MembersParts) {
    this.#parts = parts
  }

  /** Names may be new; ghosts that were thrown out are so in Telegram too. */
  async take(event: MatrixEvent): Promise<void> {
    const { matrix, ghosts, database, telegram, commands, upgrades } = this.#parts
    const { state_key: userId = '', room_id: roomId, sender } = event
    const membership = event.content['membership']
    this.#names.delete(`${roomId} ${userId}`)
    if (membership === 'invite' && matrix.isOurs(userId) && !matrix.isOurs(sender)) {
      if (await commands.invited(event)) await upgrades.arrived(roomId)
      return
    }
    if (membership !== 'leave' && membership !== 'ban') return
    const id = matrix.telegramIdOf(userId)
    if (id === undefined || matrix.isOurs(sender)) return
    await ghosts.forget(userId, roomId)
    const portal = await portalOfRoom(database, roomId)
    if (!portal || portal.state !== 'active' || id.startsWith('channel_')) return
    const member = { chat_id: Number(portal.chat_id), user_id: Number(id) }
    await telegram.sender.banChatMember(member)
    if (membership === 'leave') await telegram.sender.unbanChatMember({ ...member, only_if_banned: true })
  }

  /** As the room calls them, or else as their id does. */
  async nameOf({ room_id: roomId, sender }: MatrixEvent): Promise<string> {
    const key = `${roomId} ${sender}`
    const known = this.#names.get(key)
    if (known !== undefined) return known
    const member = await this.#parts.matrix.state(roomId, 'm.room.member', sender)
    const shown = member?.['displayname']
    const name = typeof shown === 'string' && shown.trim() !== '' ? shown : sender.slice(1).replace(/:.*/, '')
    this.#names.set(key, name)
    return name
  }
}
