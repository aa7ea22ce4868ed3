/** Topics of a forum, where they are rooms: made when somebody first writes there, in a space for the group. */
import type { Message } from 'node-telegram-bot-api'
import type { Database } from '../appservice/database.ts'
import type { BridgeConfig } from './config.ts'
import type { Matrix } from './matrix.ts'
import { addPortal, findPortal, type Portal, setPortalTitle } from './store/portals.ts'

/** The row of the space, beside those of its rooms; 0 is the topic General. */
const SPACE = -1

export type TopicKind = BridgeConfig['topics']

export class Topics {
  readonly #matrix: Matrix
  readonly #database: Database
  readonly #serverName: string

  readonly #usual: TopicKind

  /** `topicsAs` is what topics are where nobody has said otherwise. */
  constructor(parts: { matrix: Matrix; database: Database; serverName: string; topicsAs: TopicKind }) {
    this.#usual = parts.topicsAs
    this.#matrix = parts.matrix
    this.#database = parts.database
    this.#serverName = parts.serverName
  }

  kindIn(general: Portal | undefined): TopicKind {
    return general?.topics ?? this.#usual
  }

  /** The room of this message's topic, if its group is bridged. */
  async open(message: Message): Promise<Portal | undefined> {
    const chatId = String(message.chat.id)
    const general = await findPortal(this.#database, chatId)
    const thread = message.message_thread_id
    if (!general || thread === undefined) return undefined
    return await this.make(general, thread, topicName(message) ?? `Topic ${thread}`)
  }

  /** The room of a topic that has none. */
  async make(general: Portal, thread: number, name: string): Promise<Portal | undefined> {
    const space = await this.#space(general)
    const roomId = await this.#create(general, { name: `${general.title}: ${name}` })
    await this.#database.transaction('telegram topic', (tx) =>
      addPortal(tx, { ...general, thread_id: thread, room_id: roomId, title: name }),
    )
    await this.#contain(space, roomId)
    return await findPortal(this.#database, general.chat_id, thread)
  }

  /** Names, and whether a topic is open. Gives whether the message was about that. */
  async service(message: Message, portal: Portal): Promise<boolean> {
    const { forum_topic_edited: edited, forum_topic_closed: closed, forum_topic_reopened: reopened } = message
    const { room_id: roomId } = portal
    const name = edited?.name
    const isRoom = portal.thread_id > 0
    if (name !== undefined && !isRoom) {
      const body = `Telegram: a topic is called ${name} now.`
      await this.#matrix.notice(roomId, body, `tg.topic.${portal.chat_id}.${message.message_id}`)
    }
    if (name !== undefined && isRoom) {
      const general = await findPortal(this.#database, portal.chat_id)
      await this.#matrix.setState(this.#matrix.botUserId, roomId, 'm.room.name', { name: `${general?.title}: ${name}` })
      await this.#database.transaction('telegram topic', (tx) => setPortalTitle(tx, roomId, name))
    }
    if (closed || reopened) {
      const topic = isRoom ? 'this topic' : 'a topic'
      const body = closed ? `Telegram: ${topic} was closed.` : `Telegram: ${topic} is open again.`
      await this.#matrix.notice(roomId, body, `tg.topic.${portal.chat_id}.${message.message_id}`)
    }
    return Boolean(edited ?? closed ?? reopened ?? message.forum_topic_created)
  }

  async #space(general: Portal): Promise<string> {
    const known = await findPortal(this.#database, general.chat_id, SPACE)
    if (known) return known.room_id
    const roomId = await this.#create(general, { name: general.title, creation_content: { type: 'm.space' } })
    await this.#database.transaction('telegram space', (tx) =>
      addPortal(tx, { ...general, thread_id: SPACE, room_id: roomId }),
    )
    await this.#contain(roomId, general.room_id)
    return roomId
  }

  async #create(general: Portal, options: Record<string, unknown>): Promise<string> {
    const invite = general.bridged_by.startsWith('@') ? [general.bridged_by] : []
    const users = { [this.#matrix.botUserId]: 100, ...Object.fromEntries(invite.map((userId) => [userId, 100])) }
    return await this.#matrix.createRoom({
      preset: 'private_chat',
      room_version: '11', // a creator above all power levels could not share the room with who bridged it
      invite,
      initial_state: [],
      power_level_content_override: { users },
      ...options,
    })
  }

  /** A room of the space has another in its place. */
  async replace({ chat_id: chatId, room_id: roomId }: Portal, old: string): Promise<void> {
    const space = await findPortal(this.#database, chatId, SPACE)
    if (!space || space.room_id === roomId) return
    await this.#contain(space.room_id, roomId)
    await this.#matrix.trySetState(space.room_id, 'm.space.child', {}, old)
  }

  async #contain(space: string, roomId: string): Promise<void> {
    const content = { via: [this.#serverName] }
    await this.#matrix.setState(this.#matrix.botUserId, space, 'm.space.child', content, roomId)
  }
}

/** As far as the message tells. */
export const topicName = ({ forum_topic_created: created, reply_to_message: root }: Message): string | undefined =>
  created?.name ?? root?.forum_topic_created?.name
