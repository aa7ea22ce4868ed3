/** Chats become rooms, and end to be: each in one place, whichever way somebody asked for it. */
import type { Chat } from 'node-telegram-bot-api'
import type { Clock } from '../../homeserver/platform/clock.ts'
import { logger } from '../../homeserver/platform/log.ts'
import type { Database } from '../appservice/database.ts'
import { titleOf } from './chats.ts'
import { errcodeOf, type Matrix } from './matrix.ts'
import type { Files } from './files.ts'
import { type Ghosts, type Speaker, speakerOfUser } from './ghosts.ts'
import type { Metadata } from './metadata.ts'
import { levelOf, setLevels } from './powers.ts'
import type { PublicPortals } from './public-portals.ts'
import { RuleError } from './rules.ts'
import { addAct } from './store/audit.ts'
import { reviveEvents, unparkEvents, type WhichEvents } from './store/events.ts'
import { forgetRoom } from './store/messages.ts'
import { membersOf } from './store/people.ts'
import {
  addPortal,
  findPortal,
  type Portal,
  portalOfRoom,
  portalsOfChat,
  removePortal,
  setPortalState,
} from './store/portals.ts'
import type { Telegram } from './telegram.ts'

const log = logger('telegram')

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
  readonly publicPortals: PublicPortals
  readonly wake: (roomId: string) => void
}

/** What a chat is joined with, and who wants it. */
export interface Joining {
  readonly chat: Pick<Chat, 'id' | 'type' | 'title'>
  readonly roomId: string
  readonly userId: string
  /** As the act is written down: the Matrix user, and who they are in Telegram where that is known. */
  readonly actor: string
  /** Who said yes in the chat, where that is not who asks in the room. */
  readonly agreed?: Speaker | undefined
}

export class Portals {
  readonly #parts: PortalsParts

  constructor(parts: PortalsParts) {
    this.#parts = parts
  }

  /** That they may was asked of `Rules`. Throws `RuleError` where the chat, or the room, was bridged in the meantime. */
  async join({ chat, roomId, userId, actor, agreed }: Joining): Promise<void> {
    const { database, clock } = this.#parts
    const chatId = String(chat.id)
    const title = titleOf(chat)
    const portal = { chat_id: chatId, thread_id: 0, room_id: roomId, type: chat.type, title, bridged_by: userId }
    await database.transaction('telegram portal', async (tx) => {
      if (await findPortal(tx, chatId)) throw new RuleError('chat_bridged')
      if (await portalOfRoom(tx, roomId)) throw new RuleError('room_bridged')
      await addPortal(tx, portal)
      await addAct(tx, { ...portal, at: clock.now(), actor, act: 'bridge' })
    })
    await this.#settle(portal, agreed).catch((error: unknown) => {
      log.warn({ chat: chatId, problem: String(error) }, 'bridged, but not all of it was told')
    })
  }

  /** Tells what was joined, and brings in those who run the chat. */
  async #settle(portal: Announced, agreed?: Speaker): Promise<void> {
    const { matrix, clock, telegram, ghosts } = this.#parts
    const { chat_id: chatId, room_id: roomId, title } = portal
    await this.announce(portal)
    const wish = agreed ? `, as ${agreed.name}${agreed.username ? ` (@${agreed.username})` : ''} wished there` : ''
    const text = `This room is bridged with the Telegram group ${title}${wish}. !tg unbridge ends that.`
    await matrix.notice(roomId, text, `tg.bridged.${chatId}.${clock.now()}`)
    const everybody = await telegram.reader.getChatAdministrators({ chat_id: Number(chatId) })
    const admins = everybody.filter(({ user }) => !user.is_bot)
    for (const { user } of admins) await ghosts.arrive(speakerOfUser(user), roomId)
    const levels = new Map(admins.map((admin) => [matrix.ghostOf(admin.user.id), levelOf(admin)]))
    await setLevels(matrix, roomId, levels)
  }

  /** A room in which this user, who is not invited yet, has all power. */
  async make(name: string, userId: string): Promise<string> {
    const { matrix, federatedRooms } = this.#parts
    return await matrix.createRoom({
      preset: 'private_chat',
      room_version: '11', // a creator above all power levels could not share the room with who bridged it
      name,
      initial_state: [],
      power_level_content_override: { users: { [matrix.botUserId]: 100, [userId]: 100 } },
      ...(federatedRooms ? {} : { creation_content: { 'm.federate': false } }),
    })
  }

  /** A room for a chat, with its name, picture and description, to which `userId` is invited with all power. Throws as `join` does. */
  async open(chat: Chat, { userId, actor }: { readonly userId: string; readonly actor: string }): Promise<string> {
    const { matrix } = this.#parts
    const roomId = await this.make(titleOf(chat), userId)
    try {
      await this.join({ chat, roomId, userId, actor })
    } catch (error) {
      await matrix.setMembership(matrix.botUserId, roomId, 'leave')
      throw error
    }
    await matrix.ruleMember(roomId, userId, 'invite').catch((error: unknown) => {
      if (errcodeOf(error) !== 'M_FORBIDDEN') throw error // in it already: they have just written in the chat
    })
    await this.#furnish(chat, roomId).catch((error: unknown) => {
      log.warn({ chat: chat.id, problem: String(error) }, 'room without picture or description')
    })
    return roomId
  }

  /** Picture and description, which it can do without. */
  async #furnish({ id }: Chat, roomId: string): Promise<void> {
    const { telegram, files, matrix, metadata, database } = this.#parts
    const portal = await portalOfRoom(database, roomId)
    if (!portal || !metadata.isFromTelegram) return
    await metadata.refresh(portal)
    const { photo } = await telegram.reader.getChat({ chat_id: id })
    if (!photo) return
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

  /** Says in the room's state what it is bridged with. https://github.com/matrix-org/matrix-spec-proposals/pull/2346 */
  async announce({ room_id: roomId, chat_id: chatId, title, bridged_by: creator }: Announced): Promise<void> {
    const { matrix } = this.#parts
    const content = {
      bridgebot: matrix.botUserId,
      creator,
      protocol: { id: 'telegram', displayname: 'Telegram' },
      channel: { id: chatId, displayname: title },
    }
    await matrix.trySetState(roomId, 'm.bridge', content, bridgeKey(chatId))
  }

  /** The group has another number: its room tells that one, and no more the one before. */
  async renumbered(portal: Portal, before: string): Promise<void> {
    const { matrix, publicPortals } = this.#parts
    await this.announce(portal)
    await matrix.trySetState(portal.room_id, 'm.bridge', {}, bridgeKey(before))
    await publicPortals.renumbered(portal)
  }

  /** The ghosts go; people, and what was said, stay. `isPurged`: which message was which event is forgotten. */
  async end(portal: Portal, actor: string, { isPurged = false } = {}): Promise<void> {
    const { room_id: roomId } = portal
    const { database, clock, ghosts, matrix, publicPortals } = this.#parts
    await database.transaction('telegram unbridge', async (tx) => {
      await removePortal(tx, roomId)
      if (isPurged) await forgetRoom(tx, roomId)
      await addAct(tx, { ...portal, at: clock.now(), actor, act: 'unbridge' })
    })
    await publicPortals.end(portal)
    if (portal.state !== 'left') await matrix.trySetState(roomId, 'm.bridge', {}, bridgeKey(portal.chat_id))
    for (const userId of await membersOf(database, roomId)) {
      if (matrix.isOurs(userId)) await ghosts.leave(userId, roomId)
      else await ghosts.forget(userId, roomId)
    }
  }

  /** Of a chat with all its topics, in whichever of its rooms somebody wished it. */
  async setState(chatId: string, state: 'active' | 'paused', actor: string): Promise<void> {
    const { database, clock, wake } = this.#parts
    const act = state === 'active' ? 'resume' : 'pause'
    const portals = await database.transaction('telegram state', async (tx) => {
      await setPortalState(tx, chatId, state)
      const all = await portalsOfChat(tx, chatId)
      for (const portal of all) {
        if (state === 'active') await unparkEvents(tx, portal.room_id, clock.now())
        await addAct(tx, { ...portal, at: clock.now(), actor, act })
      }
      return all
    })
    if (state === 'active') for (const { room_id: roomId } of portals) wake(roomId)
  }

  /** What Telegram did not take is sent again, or that of it which is meant. Gives how much that is. */
  async retry(roomId: string, which: WhichEvents = {}): Promise<number> {
    const { database, clock, wake } = this.#parts
    const now = clock.now()
    const count = await database.transaction('telegram retry', (tx) => reviveEvents(tx, roomId, { now, ...which }))
    wake(roomId)
    return count
  }
}

type Announced = Pick<Portal, 'room_id' | 'chat_id' | 'title' | 'bridged_by'>

const bridgeKey = (chatId: string): string => `org.domovoi.telegram://${chatId}`
