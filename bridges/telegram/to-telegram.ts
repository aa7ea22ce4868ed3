/** Events of Matrix → calls of the Bot API, by the one who may speak there: the bot. */
import type { MatrixEvent } from '../appservice/event.ts'
import { eventIdOf, relationOf } from '../appservice/event.ts'
import { listOf, objectOf } from '../appservice/json.ts'
import type { Metadata } from './metadata.ts'
import { OddError } from './odd.ts'
import { finishEvent, type StoredEvent } from './store/events.ts'
import { messagesOfEvent } from './store/messages.ts'
import { type Portal, portalOfRoom } from './store/portals.ts'
import { Delivery, type DeliveryParts } from './to-telegram/delivery.ts'
import { Edits } from './to-telegram/edits.ts'
import { Members, type MembersParts } from './to-telegram/members.ts'
import { type MessageParts, messageSteps } from './to-telegram/messages.ts'
import { Polls } from './to-telegram/polls.ts'
import { Reactions } from './to-telegram/reactions.ts'
import { Upgrades } from './to-telegram/upgrades.ts'

export interface ToTelegramParts extends DeliveryParts, Omit<MembersParts, 'upgrades'>, MessageParts {
  readonly metadata: Metadata
}

export class ToTelegram {
  readonly #parts: ToTelegramParts
  readonly #members: Members
  readonly #upgrades: Upgrades
  readonly #delivery: Delivery
  readonly #edits: Edits
  readonly #reactions: Reactions
  readonly #polls: Polls

  constructor(parts: ToTelegramParts) {
    this.#parts = parts
    this.#upgrades = new Upgrades(parts)
    this.#members = new Members({ ...parts, upgrades: this.#upgrades })
    this.#delivery = new Delivery(parts)
    const delivery = this.#delivery
    this.#edits = new Edits({ ...parts, delivery })
    this.#reactions = new Reactions(parts)
    this.#polls = new Polls({ ...parts, delivery })
  }

  /** Throws what the Bot API or the homeserver answered, that it is too early, or `OddError`. */
  async take(stored: StoredEvent): Promise<void> {
    const event = JSON.parse(stored.json) as MatrixEvent
    await this.#bridge(stored, event)
    await this.#parts.database.transaction('matrix event', (tx) => finishEvent(tx, event.event_id))
  }

  async #bridge(stored: StoredEvent, event: MatrixEvent): Promise<void> {
    const { database, matrix, commands } = this.#parts
    if (event.type === 'm.room.member') await this.#members.take(event)
    if (matrix.isOurs(event.sender)) return
    const portal = await portalOfRoom(database, event.room_id)
    const isCommand = await commands.take(event, portal)
    if (portal?.state === 'active' && !isCommand) await this.#forward(stored, event, portal)
  }

  async #forward(stored: StoredEvent, event: MatrixEvent, portal: Portal): Promise<void> {
    switch (event.type) {
      case 'm.room.message':
      case 'm.sticker':
        return await this.#say(stored, event, portal)
      case 'm.reaction':
        return await this.#reactions.add(event, portal)
      case 'm.room.redaction':
        return await this.#redact(event, portal)
      case 'm.room.pinned_events':
        return await this.#pin(event, portal)
      case 'm.room.name':
      case 'm.room.topic':
      case 'm.room.avatar':
        return await this.#parts.metadata.toTelegram(event, portal)
      case 'm.poll.start':
      case 'org.matrix.msc3381.poll.start':
        return await this.#polls.start(stored, event, portal, await this.#members.nameOf(event))
      case 'm.poll.end':
      case 'org.matrix.msc3381.poll.end':
        return await this.#polls.end(stored, event, portal)
      case 'm.room.tombstone':
        return await this.#upgrades.follow(event)
    }
  }

  async #say(stored: StoredEvent, event: MatrixEvent, portal: Portal): Promise<void> {
    const { type, content } = event
    const isSticker = type === 'm.sticker'
    const relation = relationOf(content)
    const name = await this.#members.nameOf(event)
    if (!isSticker && relation.type === 'm.replace') {
      if (relation.eventId === undefined) throw new OddError('an edit of nothing')
      return await this.#edits.edit(stored, event, portal, { original: relation.eventId, name })
    }
    const steps = await messageSteps(this.#parts, name, isSticker ? { ...content, msgtype: type } : content)
    await this.#delivery.send(stored, event, portal, steps)
  }

  async #redact({ redacts, content }: MatrixEvent, portal: Portal): Promise<void> {
    const eventId = redacts ?? eventIdOf(content['redacts'])
    if (eventId === undefined) throw new OddError('a redaction of nothing')
    if (!(await this.#reactions.remove(eventId))) await this.#edits.redact(eventId, portal)
  }

  /** The newest is pinned there, and what is not pinned here any more not there either. */
  async #pin({ content, unsigned }: MatrixEvent, portal: Portal): Promise<void> {
    const { telegram } = this.#parts
    if (!Array.isArray(content['pinned'])) throw new OddError('pins that are no list')
    const before = listOf(objectOf(objectOf(unsigned)['prev_content'])['pinned'])
    for (const eventId of before) {
      if (content['pinned'].includes(eventId)) continue
      const message = await this.#messageOf(eventId, portal)
      if (message) await telegram.sender.unpinChatMessage(message)
    }
    const latest: unknown = content['pinned'].at(-1)
    const message = before.includes(latest) ? undefined : await this.#messageOf(latest, portal)
    if (message) await telegram.sender.pinChatMessage({ ...message, disable_notification: true })
  }

  async #messageOf(eventId: unknown, { chat_id: chatId }: Portal) {
    const id = eventIdOf(eventId)
    const messages = id === undefined ? [] : await messagesOfEvent(this.#parts.database, id)
    const message = messages.find((row) => row.chat_id === chatId)
    return message && { chat_id: Number(chatId), message_id: message.message_id }
  }
}
