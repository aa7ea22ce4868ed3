/** The bridge to Telegram, asked for a user: it decides who may do what, wherever it runs. */
import { isJsonObject } from '../../core/canonical-json.ts'
import { MatrixError, refuse } from '../../core/errors.ts'
import type { Json } from '../../core/event.ts'
import type { RoomId } from '../../core/ids.ts'
import type { AuditAnswer, ChatsAnswer, JoinAnswer, PortalsAnswer } from '../../core/telegram-chats.ts'
import type { Database } from '../../storage/database.ts'
import { findRoomStats, type RoomStats } from '../../storage/rooms.ts'
import type { Appservice, Appservices } from '../accounts/appservices.ts'
import type { Requester } from '../accounts/requester.ts'
import type { Members } from '../rooms/members.ts'
import type { Memberships } from '../rooms/membership.ts'
import { type AppserviceClient, unreachable } from './client.ts'
import { ruledRooms } from './ruled-rooms.ts'

const bridgeId = 'telegram'
/** A new room takes the bridge many calls, and Telegram may make each of them wait. */
const TIMEOUT_MS = 60_000

/** Who asks, and in which language they are told what is refused. */
export interface Asker {
  readonly who: Requester
  readonly language?: string
}

export interface TelegramChatsParts {
  readonly appservices: Appservices
  readonly client: AppserviceClient
  readonly database: Database
  readonly members: Members
  readonly memberships: Memberships
}

/**
 * All of these throw `M_NOT_FOUND` where there is no bridge, `M_CONNECTION_FAILED`, `M_CONNECTION_TIMEOUT` or `M_BAD_STATUS`
 * where it is not at work, and as what it refuses `M_FORBIDDEN` or `M_NOT_FOUND` with the reason in `org.domovoi.reason`.
 */
export class TelegramChats {
  readonly #parts: TelegramChatsParts

  constructor(parts: TelegramChatsParts) {
    this.#parts = parts
  }

  /** Whether there is a bridge, at work or not. */
  get isOn(): boolean {
    return this.#parts.appservices.find(bridgeId) !== undefined
  }

  /** Chats in which the bot is and that are theirs to bridge. */
  async chats(asker: Asker): Promise<ChatsAnswer> {
    return await this.#ask('chats', asker)
  }

  /** What is bridged by them, or from chats of theirs. */
  async portals(asker: Asker): Promise<PortalsAnswer> {
    return await this.#ask('portals', asker)
  }

  /** Without a room, one is made, to which they are invited. To one of theirs they invite the bot, unless it is there. */
  async join(
    asker: Asker,
    { chatId, roomId, isForced = false }: { chatId: string; roomId?: RoomId | undefined; isForced?: boolean },
  ): Promise<JoinAnswer> {
    const isInvited = roomId !== undefined && (await this.#inviteBot(asker.who, roomId))
    const where = roomId === undefined ? {} : { room_id: roomId, is_invited: isInvited }
    return await this.#ask('join', asker, { chat_id: chatId, force: isForced, ...where })
  }

  /** The chat is bridged no more, with any of its topics. */
  async end(asker: Asker, roomId: RoomId): Promise<void> {
    await this.#ask('end', asker, { room_id: roomId })
  }

  async setState(asker: Asker, roomId: RoomId, state: 'active' | 'paused'): Promise<void> {
    await this.#ask('state', asker, { room_id: roomId, state })
  }

  /** Sends again what was given up. Gives how much that is. */
  async retry(asker: Asker, roomId: RoomId): Promise<{ readonly count: number }> {
    return await this.#ask('retry', asker, { room_id: roomId })
  }

  /** Who bridged what, the latest first: for admins of the bridge. */
  async audit(asker: Asker, limit: number): Promise<AuditAnswer> {
    return await this.#ask('audit', asker, { limit })
  }

  /** Rooms that they may have bridged, as far as that can be told here. */
  async rooms({ who }: Asker): Promise<RoomStats[]> {
    return await ruledRooms(this.#parts.database, who.userId)
  }

  /** What those of these rooms are called in which they are. */
  async namesOf({ who }: Asker, roomIds: readonly RoomId[]): Promise<ReadonlyMap<string, string>> {
    const { database, members } = this.#parts
    const names = new Map<string, string>()
    for (const roomId of roomIds) {
      const stats = (await members.isJoined(roomId, who.userId)) ? await findRoomStats(database, roomId) : undefined
      const name = stats?.name ?? stats?.canonical_alias
      if (name) names.set(roomId, name)
    }
    return names
  }

  /** Gives whether it was not there, nor invited, before. */
  async #inviteBot(who: Requester, roomId: RoomId): Promise<boolean> {
    const { members, memberships } = this.#parts
    const { sender } = this.#bridge()
    const current = await members.find(roomId, sender)
    if (current?.membership === 'join' || current?.membership === 'invite') return false
    await memberships.invite(who, roomId, sender)
    return true
  }

  #bridge(): Appservice {
    const bridge = this.#parts.appservices.find(bridgeId)
    if (!bridge) throw refuse(404, 'M_NOT_FOUND', 'This server has no bridge to Telegram')
    return bridge
  }

  async #ask<Answer>(question: string, { who, language }: Asker, more: object = {}): Promise<Answer> {
    const asked = { user_id: who.userId, ...(language === undefined ? {} : { language }), ...more }
    const { status, body } = await this.#parts.client
      .request(this.#bridge(), {
        method: 'POST',
        path: `/unstable/org.domovoi.telegram/${question}`,
        body: JSON.stringify(asked),
        timeoutMs: TIMEOUT_MS,
      })
      .catch(unreachable)
    const answer = jsonOf(body)
    if (status === 200) return answer as Answer // by the same types as the bridge's
    throw refusalOf(status, answer)
  }
}

function jsonOf(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}

/** What the bridge refuses, as it says it; all else is a fault of its own. */
function refusalOf(status: number, answer: Json): MatrixError {
  const { errcode, error, ...extra } = isJsonObject(answer) ? answer : {}
  const isRefusal = 'org.domovoi.reason' in extra
  if (isRefusal && typeof errcode === 'string' && typeof error === 'string') {
    return new MatrixError(status, errcode, error, { extra })
  }
  return new MatrixError(502, 'M_BAD_STATUS', `The bridge to Telegram answered with status ${status}`)
}
