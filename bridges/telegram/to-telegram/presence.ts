/** Whether anybody is in a room to hear the group: where nobody is, or the bot was thrown out, the group is told. */
import type { Database } from '../../appservice/database.ts'
import type { MatrixEvent } from '../../appservice/event.ts'
import { objectOf } from '../../appservice/json.ts'
import { isRefusal, type Matrix } from '../matrix.ts'
import { type Portal, portalOfRoom, setRoomState } from '../store/portals.ts'
import { type Telegram, verdictOf } from '../telegram.ts'
import { type Texts, textsFor } from '../texts.ts'

export interface PresenceParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Database
}

export class Presence {
  readonly #parts: PresenceParts

  constructor(parts: PresenceParts) {
    this.#parts = parts
  }

  /** Somebody came into a room, or went. */
  async changed({ room_id: roomId, state_key: userId = '', content }: MatrixEvent): Promise<void> {
    const { matrix, database } = this.#parts
    const isBot = userId === matrix.botUserId
    if (!isBot && matrix.isOurs(userId)) return
    const portal = await portalOfRoom(database, roomId)
    if (!portal || portal.thread_id < 0) return
    const { membership } = content
    if (membership === 'join' && portal.state === 'left') {
      if (await this.#hasPeople(roomId)) await this.#tell(portal, 'active', 'roomBack')
    } else if ((membership === 'leave' || membership === 'ban') && portal.state !== 'left') {
      if (portal.state === 'paused' && !isBot) return // that somebody comes back must not end it
      if (isBot || !(await this.#hasPeople(roomId))) await this.#tell(portal, 'left', isBot ? 'botOut' : 'roomLeft')
    }
  }

  /** Who is invited may come still. False as well where the bot is not. */
  async #hasPeople(roomId: string): Promise<boolean> {
    const { matrix } = this.#parts
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/joined_members`
    try {
      const { joined } = await matrix.request(matrix.botUserId, 'GET', path)
      if (Object.keys(objectOf(joined)).some((userId) => !matrix.isOurs(userId))) return true
      const state = await matrix.allState(roomId)
      return state.some(
        ({ type, state_key: userId, content }) =>
          type === 'm.room.member' && content['membership'] === 'invite' && !matrix.isOurs(userId),
      )
    } catch (error) {
      if (!isRefusal(error)) throw error
      return false
    }
  }

  async #tell(
    { room_id: roomId, chat_id: chatId, thread_id: thread }: Portal,
    state: 'active' | 'left',
    text: keyof Pick<Texts, 'roomBack' | 'botOut' | 'roomLeft'>,
  ): Promise<void> {
    const { database, telegram } = this.#parts
    await database.transaction('telegram state', (tx) => setRoomState(tx, roomId, state))
    const place = { chat_id: Number(chatId), ...(thread > 0 ? { message_thread_id: thread } : {}) }
    await telegram.sender.sendMessage({ ...place, text: textsFor(undefined)[text] }).catch((error: unknown) => {
      if (verdictOf(error).kind !== 'never') throw error // the bot may not be there either
    })
  }
}
