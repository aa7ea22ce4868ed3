/** Chats become rooms, and end to be: each in one place, whichever way somebody asked for it. */
import type { Chat } from 'node-telegram-bot-api'
import type { Clock } from '../../homeserver/platform/clock.ts'
import type { Database } from '../appservice/database.ts'
import { titleOf } from './chats.ts'
import { errcodeOf, type Matrix } from './matrix.ts'
import type { Files } from './files.ts'
import { type Ghosts, speakerOfUser } from './ghosts.ts'
import type { Metadata } from './metadata.ts'
import { levelOf, setLevels } from './powers.ts'
import { RuleError } from './rules.ts'
import { addAct } from './store/audit.ts'
import { reviveEvents } from './store/events.ts'
import { membersOf } from './store/people.ts'
import { addPortal, findPortal, type Portal, portalOfRoom, removePortal, setPortalState } from './store/portals.ts'
import type { Telegram } from './telegram.ts'

export interface PortalsParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Database
  readonly clock: Clock
  readonly files: Files
  readonly ghosts: Ghosts
  readonly metadata: Metadata
  readonly federatedRooms: boolean
  readonly bot: { readonly id: string }
  readonly wake: (roomId: string) => void
}

/** What a chat is joined with, and who wants it. */
export interface Joining {
  readonly chat: Pick<Chat, 'id' | 'type' | 'title'>
  readonly roomId: string
  readonly userId: string
  /** As the act is written down: the Matrix user, and who they are in Telegram where that is known. */
  readonly actor: string
}

export class Portals {
  readonly #parts: PortalsParts

  constructor(parts: PortalsParts) {
    this.#parts = parts
  }

  /** That they may was asked of `Rules`. Throws `RuleError` where the chat, or the room, was bridged in the meantime. */
  async join({ chat, roomId, userId, actor }: Joining): Promise<void> {
    const { database, clock, matrix, telegram, ghosts } = this.#parts
    const chatId = String(chat.id)
    const title = titleOf(chat)
    const portal = { chat_id: chatId, thread_id: 0, room_id: roomId, type: chat.type, title, bridged_by: userId }
    await database.transaction('telegram portal', async (tx) => {
      if (await findPortal(tx, chatId)) throw new RuleError('chat_bridged')
      if (await portalOfRoom(tx, roomId)) throw new RuleError('room_bridged')
      await addPortal(tx, portal)
      await addAct(tx, { ...portal, at: clock.now(), actor, act: 'bridge' })
    })
    const bridge = {
      bridgebot: matrix.botUserId,
      creator: userId,
      protocol: { id: 'telegram', displayname: 'Telegram' },
      channel: { id: chatId, displayname: title },
    }
    await matrix.trySetState(roomId, 'm.bridge', bridge, `org.domovoi.telegram://${chatId}`)
    const text = `This room is bridged with the Telegram group ${title}.`
    await matrix.notice(roomId, text, `tg.bridged.${chatId}.${clock.now()}`)
    const everybody = await telegram.reader.getChatAdministrators({ chat_id: chat.id })
    const admins = everybody.filter(({ user }) => !user.is_bot)
    for (const { user } of admins) await ghosts.arrive(speakerOfUser(user), roomId)
    const levels = new Map(admins.map((admin) => [matrix.ghostOf(admin.user.id), levelOf(admin)]))
    await setLevels(matrix, roomId, levels)
  }

  /** A room for a chat, with its name, picture and description, to which `userId` is invited with all power. Throws as `join` does. */
  async open(chat: Chat, { userId, actor }: { readonly userId: string; readonly actor: string }): Promise<string> {
    const { matrix, metadata, database, federatedRooms } = this.#parts
    const roomId = await matrix.createRoom({
      preset: 'private_chat',
      room_version: '11', // a creator above all power levels could not share the room with who bridged it
      name: titleOf(chat),
      initial_state: [],
      power_level_content_override: { users: { [matrix.botUserId]: 100, [userId]: 100 } },
      ...(federatedRooms ? {} : { creation_content: { 'm.federate': false } }),
    })
    try {
      await this.join({ chat, roomId, userId, actor })
    } catch (error) {
      await matrix.setMembership(matrix.botUserId, roomId, 'leave')
      throw error
    }
    const portal = await findPortal(database, String(chat.id))
    if (portal) await metadata.refresh(portal)
    await this.#setPicture(chat, roomId)
    await matrix.ruleMember(roomId, userId, 'invite').catch((error: unknown) => {
      if (errcodeOf(error) !== 'M_FORBIDDEN') throw error // in it already: they have just written in the chat
    })
    return roomId
  }

  async #setPicture({ id }: Chat, roomId: string): Promise<void> {
    const { telegram, files, matrix, metadata } = this.#parts
    const { photo } = await telegram.reader.getChat({ chat_id: id })
    if (!photo || !metadata.isFromTelegram) return
    const file = { file_id: photo.big_file_id, file_unique_id: photo.big_file_unique_id }
    const { mxc } = await files.toMatrix(file, { kind: 'photo', name: 'photo.jpg', type: 'image/jpeg' })
    await matrix.trySetState(roomId, 'm.room.avatar', { url: mxc })
  }

  /** Whether the bot hears in this chat only what is said to it: @BotFather's privacy mode, and it is no administrator. */
  async isDeaf({ id, type }: Pick<Chat, 'id' | 'type'>): Promise<boolean> {
    const { telegram, bot } = this.#parts
    if (type === 'channel' || (await telegram.reader.getMe()).can_read_all_group_messages === true) return false
    const { status } = await telegram.reader.getChatMember({ chat_id: id, user_id: Number(bot.id) })
    return status !== 'administrator'
  }

  /** The ghosts go; people, and what was said, stay. */
  async end(portal: Portal, actor: string): Promise<void> {
    const { room_id: roomId } = portal
    const { database, clock, ghosts, matrix } = this.#parts
    await database.transaction('telegram unbridge', async (tx) => {
      await removePortal(tx, roomId)
      await addAct(tx, { ...portal, at: clock.now(), actor, act: 'unbridge' })
    })
    for (const userId of await membersOf(database, roomId)) {
      if (matrix.isOurs(userId)) await ghosts.leave(userId, roomId)
      else await ghosts.forget(userId, roomId)
    }
  }

  /** Of one chat, with all its topics. */
  async setState(portals: readonly Portal[], state: 'active' | 'paused', actor: string): Promise<void> {
    const { database, clock } = this.#parts
    const act = state === 'active' ? 'resume' : 'pause'
    await database.transaction('telegram state', async (tx) => {
      for (const portal of portals) {
        await setPortalState(tx, portal.chat_id, state)
        await addAct(tx, { ...portal, at: clock.now(), actor, act })
      }
    })
  }

  /** What Telegram did not take is sent again. Gives how much that is. */
  async retry(roomId: string): Promise<number> {
    const { database, wake } = this.#parts
    const count = await database.transaction('telegram retry', (tx) => reviveEvents(tx, roomId))
    wake(roomId)
    return count
  }
}
