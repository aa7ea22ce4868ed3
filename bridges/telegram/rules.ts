/** What may be bridged, and by whom: the same for commands, for the handshake and for what people choose on the homeserver's page. */
import type { ChatMember } from 'node-telegram-bot-api'
import type { BridgeRefusal } from '../../homeserver/core/telegram-chats.ts'
import type { Conn } from '../appservice/database.ts'
import { stringOf } from '../appservice/json.ts'
import { findState, maySetState, type StateEvent } from '../appservice/powers.ts'
import type { Bans } from './bans.ts'
import type { BridgeConfig } from './config.ts'
import { errcodeOf, type Matrix } from './matrix.ts'
import type { Permissions, Role } from './permissions.ts'
import type { Puppets } from './puppets.ts'
import { countPortalsOf, findPortal, type Portal, portalOfRoom } from './store/portals.ts'
import { type Telegram, verdictOf } from './telegram.ts'

/** The reason has a sentence in `texts.ts`. */
export class RuleError extends Error {
  override name = 'RuleError'
  readonly reason: BridgeRefusal

  constructor(reason: BridgeRefusal) {
    super(reason)
    this.reason = reason
  }
}

export interface RulesParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Conn
  readonly puppets: Puppets
  readonly permissions: Permissions
  readonly bans: Bans
  readonly limits: Pick<BridgeConfig, 'maxPortals' | 'maxMembers' | 'federatedRooms'>
}

/** All of `check…` throw `RuleError`. */
export class Rules {
  readonly #parts: RulesParts

  constructor(parts: RulesParts) {
    this.#parts = parts
  }

  /** Whom an admin has shut out is at best relayed, on either side. */
  async roleOf(userId: string): Promise<Role> {
    const { permissions, bans, puppets } = this.#parts
    const role = permissions.roleOf(userId)
    if (role !== 'user') return role
    const telegramId = await puppets.telegramIdOf(userId)
    const isBanned = (await bans.has(userId)) || (telegramId !== undefined && (await bans.has(telegramId)))
    return isBanned ? 'relay' : role
  }

  async checkUser(userId: string): Promise<void> {
    if ((await this.roleOf(userId)) === 'relay') throw new RuleError('relay_only')
  }

  /** A room that somebody wants to have bridged. With `isForced` it may be another bridge's. */
  async checkRoom(userId: string, roomId: string, { isForced = false } = {}): Promise<void> {
    const { database, matrix, permissions, limits } = this.#parts
    await this.checkUser(userId)
    if (await portalOfRoom(database, roomId)) throw new RuleError('room_bridged')
    const state = await this.#stateOf(roomId)
    if (!permissions.isAdmin(userId) && !mayRule(userId, state)) throw new RuleError('no_power')
    if (findState(state, 'm.room.encryption')) throw new RuleError('encrypted')
    if (!isForced && state.some((event) => isOfOtherBridge(event, matrix.botUserId))) {
      throw new RuleError('other_bridge')
    }
    const isOpen = findState(state, 'm.room.create')?.content['m.federate'] !== false
    if (isOpen && !limits.federatedRooms) throw new RuleError('federated')
  }

  /** A chat that somebody wants to have bridged. */
  async checkChat(userId: string, chatId: string): Promise<void> {
    const { database, telegram, permissions, limits } = this.#parts
    await this.checkUser(userId)
    if (await findPortal(database, chatId)) throw new RuleError('chat_bridged')
    const members = await telegram.reader.getChatMemberCount({ chat_id: Number(chatId) }).catch(refuseMissing)
    if (members > limits.maxMembers) throw new RuleError('too_large')
    if (permissions.isAdmin(userId)) return
    if ((await countPortalsOf(database, userId)) >= limits.maxPortals) throw new RuleError('too_many')
  }

  /** Whether the chat is theirs to bridge: by what they are in Telegram now, if they are linked with somebody there. */
  async runsChat(userId: string, chatId: string): Promise<boolean> {
    if (this.#parts.permissions.isAdmin(userId)) return true
    const telegramId = await this.#parts.puppets.telegramIdNow(userId)
    return telegramId !== undefined && (await this.isChatAdmin(chatId, Number(telegramId)))
  }

  async isChatAdmin(chatId: number | string, userId: number): Promise<boolean> {
    const { reader } = this.#parts.telegram
    try {
      return mayChangeInfo(await reader.getChatMember({ chat_id: Number(chatId), user_id: userId }))
    } catch (error) {
      if (verdictOf(error).kind !== 'never') throw error
      return false
    }
  }

  async checkMayEnd(userId: string, portal: Portal): Promise<void> {
    if (!(await this.#mayEnd(userId, portal))) throw new RuleError('no_power')
  }

  /** Whose events of the room they may have sent again: everybody's, or their own. */
  async retriable(userId: string, portal: Portal): Promise<{ readonly sender?: string }> {
    return (await this.#mayEnd(userId, portal)) ? {} : { sender: userId }
  }

  /** Who rules the room, or runs the chat. */
  async #mayEnd(userId: string, { room_id: roomId, chat_id: chatId }: Portal): Promise<boolean> {
    if (this.#parts.permissions.isAdmin(userId)) return true
    const state = await this.#stateOf(roomId).catch(noneOutside)
    return mayRule(userId, state) || (await this.runsChat(userId, chatId))
  }

  /** Who may have done in the room what only its own people decide, such as who may come in. */
  async checkRules(userId: string, roomId: string): Promise<void> {
    if (this.#parts.permissions.isAdmin(userId)) return
    if (!mayRule(userId, await this.#stateOf(roomId))) throw new RuleError('no_power')
  }

  async #stateOf(roomId: string): Promise<readonly StateEvent[]> {
    const { matrix } = this.#parts
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/state`
    return (await matrix.request(matrix.botUserId, 'GET', path)) as unknown as StateEvent[] // an array, by the specification
  }
}

/** Whoever may call the group something else may have it bridged. */
export const mayChangeInfo = (member: ChatMember): boolean =>
  member.status === 'creator' ||
  (member.status === 'administrator' && 'can_change_info' in member && member.can_change_info === true)

/** Where the bot is not, or not any more. */
export function refuseMissing(error: unknown): never {
  throw verdictOf(error).kind === 'never' ? new RuleError('no_chat') : error
}

/** Who is there, and may change what others may do there. */
const mayRule = (userId: string, state: readonly StateEvent[]): boolean =>
  findState(state, 'm.room.member', userId)?.content['membership'] === 'join' &&
  maySetState(state, userId, 'm.room.power_levels')

/** The bot was thrown out of the room. */
function noneOutside(error: unknown): [] {
  if (errcodeOf(error) !== 'M_FORBIDDEN') throw error
  return []
}

/** https://github.com/matrix-org/matrix-spec-proposals/pull/2346 */
function isOfOtherBridge({ type, content }: StateEvent, botUserId: string): boolean {
  if (type !== 'm.bridge' && type !== 'uk.half-shot.bridge') return false
  const bot = stringOf(content['bridgebot'])
  return bot !== undefined && bot !== botUserId
}
