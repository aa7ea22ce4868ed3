/** Events of Matrix → calls of the Bot API, by the one who may speak there: the bot. */
import type { MatrixEvent } from '../appservice/event.ts'
import { eventIdOf, relationOf } from '../appservice/event.ts'
import { listOf, objectOf } from '../appservice/json.ts'
import { type Access, isAway } from './access.ts'
import type { Bans } from './bans.ts'
import type { Metadata } from './metadata.ts'
import { OddError } from './odd.ts'
import { nameFormat, type Voice } from './relay.ts'
import { finishEvent, type StoredEvent } from './store/events.ts'
import { messagesOfEvent } from './store/messages.ts'
import { type Portal, portalOfRoom } from './store/portals.ts'
import { Delivery, type DeliveryParts } from './to-telegram/delivery.ts'
import { Edits } from './to-telegram/edits.ts'
import { lateness } from './to-telegram/lateness.ts'
import { Members, type MembersParts } from './to-telegram/members.ts'
import { type MessageParts, messageSteps } from './to-telegram/messages.ts'
import { Names } from './to-telegram/names.ts'
import { Polls } from './to-telegram/polls.ts'
import { Presence } from './to-telegram/presence.ts'
import { Reactions } from './to-telegram/reactions.ts'
import { Upgrades, type UpgradesParts } from './to-telegram/upgrades.ts'

export interface ToTelegramParts
  extends DeliveryParts, Omit<MembersParts, 'upgrades' | 'presence'>, UpgradesParts, MessageParts {
  readonly metadata: Metadata
  readonly bans: Bans
  readonly access: Access
}

export class ToTelegram {
  readonly #parts: ToTelegramParts
  readonly #members: Members
  readonly #names: Names
  readonly #upgrades: Upgrades
  readonly #delivery: Delivery
  readonly #edits: Edits
  readonly #reactions: Reactions
  readonly #polls: Polls

  constructor(parts: ToTelegramParts) {
    this.#parts = parts
    this.#upgrades = new Upgrades(parts)
    this.#members = new Members({ ...parts, upgrades: this.#upgrades, presence: new Presence(parts) })
    this.#names = new Names(parts)
    this.#delivery = new Delivery(parts)
    const delivery = this.#delivery
    this.#edits = new Edits({ ...parts, delivery })
    this.#reactions = new Reactions(parts)
    this.#polls = new Polls({ ...parts, delivery })
  }

  /**
   * Gives whether it is through; else it waits in the table. Throws what the Bot API or the homeserver answered, that it is
   * too early or too late, or `OddError`.
   */
  async take(stored: StoredEvent): Promise<boolean> {
    const { database, access } = this.#parts
    const event = JSON.parse(stored.json) as MatrixEvent
    const portal = await this.#bridge(stored, event)
    if (portal) {
      if (isAway(portal)) await access.park(portal, event.event_id)
      return false
    }
    await database.transaction('matrix event', (tx) => finishEvent(tx, event.event_id))
    return true
  }

  /** Gives where it shall go to, but could not now. */
  async #bridge(stored: StoredEvent, event: MatrixEvent): Promise<Portal | undefined> {
    const { database, matrix, commands, bans } = this.#parts
    if (event.type === 'm.room.member') {
      this.#names.changed(event)
      await this.#members.take(event)
    }
    if (matrix.isOurs(event.sender) || event.type === 'm.room.member') return undefined
    if (await bans.has(event.sender)) return undefined
    const portal = await portalOfRoom(database, event.room_id)
    if ((await commands.take(event, portal)) || !portal) return undefined
    if (event.type === 'm.room.tombstone') await this.#upgrades.follow(event)
    else if (portal.state === 'active' && !isBack(stored)) await this.#forward(stored, event, portal)
    else if (isAway(portal) || isBack(stored)) return portal
    return undefined
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
        return await this.#polls.start(stored, event, portal, await this.#names.of(event))
      case 'm.poll.end':
      case 'org.matrix.msc3381.poll.end':
        return await this.#polls.end(stored, event, portal)
    }
  }

  async #say(stored: StoredEvent, event: MatrixEvent, portal: Portal): Promise<void> {
    const { type, content } = event
    const isSticker = type === 'm.sticker'
    const relation = relationOf(content)
    const voice = await this.#voice(event, portal)
    if (!isSticker && relation.type === 'm.replace') {
      if (relation.eventId === undefined) throw new OddError('an edit of nothing')
      return await this.#edits.edit(stored, event, portal, { original: relation.eventId, voice })
    }
    const { turns, matrix, clock } = this.#parts
    const said = lateness(event, stored, { now: clock.now(), isLocal: matrix.isLocal(event.sender) })
    const isNamed = portal.is_name_repeated === 1 || said !== undefined || !turns.isOf(portal.chat_id, event.sender)
    const spoken = { ...voice, isNamed, ...(said === undefined ? {} : { said }) }
    const steps = await messageSteps(this.#parts, spoken, isSticker ? { ...content, msgtype: type } : content)
    await this.#delivery.send(stored, event, portal, steps)
  }

  async #voice(event: MatrixEvent, { name_format: template }: Portal): Promise<Voice> {
    const format = template === null ? undefined : nameFormat(template)
    return { name: await this.#names.of(event), ...(format ? { format } : {}) }
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

/** The bot has come back since this was the first that waits: it is not any more, for what was parked goes before. */
const isBack = ({ portal_state: before }: StoredEvent): boolean => before === 'kicked' || before === 'muted'
