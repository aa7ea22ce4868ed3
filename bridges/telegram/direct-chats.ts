/** Chats of two that begin in Matrix: somebody invites a ghost. A bot can write to whoever has written to it, and nobody else. */
import type { Database } from '../appservice/database.ts'
import type { MatrixEvent } from '../appservice/event.ts'
import type { Choices } from './choices.ts'
import { errcodeOf, isRefusal, type Matrix } from './matrix.ts'
import type { Portals } from './portals.ts'
import { MAX_ROOMS } from './private-chats.ts'
import type { Rules } from './rules.ts'
import { addMember, findUser } from './store/people.ts'
import { addPortal, countPortals, findPortal } from './store/portals.ts'
import { type Telegram, verdictOf } from './telegram.ts'

export interface DirectChatsParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Database
  readonly rules: Rules
  readonly portals: Portals
  readonly choices: Choices
  readonly bot: { readonly id: string; readonly username: string }
}

export class DirectChats {
  readonly #parts: DirectChatsParts

  constructor(parts: DirectChatsParts) {
    this.#parts = parts
  }

  /** A ghost of somebody was invited: it comes, and brings the bot along, or says why not. */
  async invited(event: MatrixEvent, tgUser: string): Promise<void> {
    const { matrix } = this.#parts
    const { state_key: ghost = '', room_id: roomId } = event
    const why = (await this.#refusal(event, tgUser)) ?? (await this.#enter(ghost, roomId))
    if (why === undefined) return await this.#begin(event, tgUser)
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/leave`
    await matrix.request(ghost, 'POST', path, { reason: why })
  }

  async #refusal({ sender, content }: MatrixEvent, tgUser: string): Promise<string | undefined> {
    const { telegram, database, rules, portals, bot } = this.#parts
    if (content['is_direct'] !== true) return 'I come into rooms that are bridged with a group of mine'
    if ((await rules.roleOf(sender)) === 'relay') return 'You may not begin chats with people of Telegram here'
    const known = await findPortal(database, tgUser)
    if (known && known.state !== 'left') return 'My chat with the bot is another room already'
    if ((await countPortals(database, 'private')) >= MAX_ROOMS)
      return 'There are too many chats with people of Telegram'
    try {
      await telegram.sender.sendChatAction({ chat_id: Number(tgUser), action: 'typing' })
    } catch (error) {
      if (verdictOf(error).kind !== 'never') throw error
      return `I have not written to the bot yet, or do not want to hear from it: https://t.me/${bot.username}`
    }
    if (known) await portals.end(known, sender)
    return undefined
  }

  /** Gives why it cannot stay. */
  async #enter(ghost: string, roomId: string): Promise<string | undefined> {
    const { matrix } = this.#parts
    const room = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}`
    await matrix.ensureRegistered(ghost)
    await matrix.setMembership(ghost, roomId, 'join')
    const encryption = await matrix
      .request(ghost, 'GET', `${room}/state/m.room.encryption/`)
      .catch((error: unknown) => {
        if (errcodeOf(error) !== 'M_NOT_FOUND') throw error
      })
    if (encryption) return 'This room is encrypted, and Telegram is not'
    try {
      await matrix.request(ghost, 'POST', `${room}/invite`, { user_id: matrix.botUserId })
    } catch (error) {
      if (!isRefusal(error)) throw error
      return 'I may not bring the bot along'
    }
    await matrix.setMembership(matrix.botUserId, roomId, 'join')
    return undefined
  }

  async #begin({ sender, room_id: roomId, state_key: ghost = '' }: MatrixEvent, tgUser: string): Promise<void> {
    const { matrix, database, telegram, choices } = this.#parts
    const title = (await findUser(database, tgUser))?.name ?? 'Telegram'
    const portal = { chat_id: tgUser, thread_id: 0, room_id: roomId, type: 'private', title, bridged_by: sender }
    await database.transaction('telegram direct chat', async (tx) => {
      await addPortal(tx, portal)
      await addMember(tx, roomId, ghost)
    })
    const { language } = await choices.of(tgUser)
    const texts = await choices.textsOf({
      id: Number(tgUser),
      ...(language === null ? {} : { language_code: language }),
    })
    await telegram.sender.sendMessage({ chat_id: Number(tgUser), text: texts.directChat(sender) })
    await matrix.notice(roomId, `What you say here, ${title} hears from the bot in Telegram.`, `tg.direct.${roomId}`)
  }
}
