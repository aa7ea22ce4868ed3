/** Sends messages and redactions. https://spec.matrix.org/v1.19/client-server-api/#sending-events-to-a-room */
import { forbidden, notFound } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import { type EventId, isEventId, type RoomId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import { maxStickyMs } from '../../storage/events.ts'
import type { Requester } from '../accounts/requester.ts'
import type { EventDraft } from './build.ts'
import { sessionOf } from './client-event.ts'
import type { EventCache } from './event-cache.ts'
import type { Members } from './members.ts'
import { checkRelation } from './relation-checks.ts'
import type { Transactions } from './transactions.ts'
import { onlyEvent, type RoomWriter } from './writer.ts'

export interface EventSenderParts {
  readonly database: Database
  readonly events: EventCache
  readonly members: Members
  readonly transactions: Transactions
  readonly writer: RoomWriter
}

/** An event of a client, to be sent once however often it is asked for under the same transaction id. */
export interface Message {
  readonly roomId: RoomId
  readonly type: string
  readonly content: JsonObject
  readonly transactionId: string
  /** For how many milliseconds it is told to everybody in the room. */
  readonly stickyDuration?: number | undefined
  /** The event to redact. */
  readonly redacts?: EventId
}

/** What redacted would change how a room works, without anybody seeing why. */
const untouchable: ReadonlySet<string> = new Set(['m.room.create', 'm.room.server_acl', 'm.room.encryption'])

export class EventSender {
  readonly #parts: EventSenderParts

  constructor(parts: EventSenderParts) {
    this.#parts = parts
  }

  /** Resolves when the event is on disk. Reads nothing where the room is at work and the event relates to nothing. */
  async send(who: Requester, message: Message): Promise<EventId> {
    const { roomId, transactionId: id } = message
    const device = sessionOf(who).device ?? who.sessionId
    return await this.#parts.transactions.once(who.userId, device, roomId, id, async () => {
      const { type, content } = message
      const redacts = message.redacts ?? redactionTarget(type, content)
      if (redacts !== undefined) await this.#checkRedaction(who, roomId, redacts)
      else await checkRelation(this.#parts, { roomId, sender: who.userId, type, content })
      const draft: EventDraft = {
        type,
        sender: who.userId,
        content,
        transaction: { device, id },
        ...(message.stickyDuration ? { stickyMs: Math.min(message.stickyDuration, maxStickyMs) } : {}),
        ...(redacts === undefined ? {} : { redacts }),
        ...(who.timestamp === undefined ? {} : { timestamp: who.timestamp }),
      }
      return onlyEvent(await this.#parts.writer.send(roomId, [draft]))
    })
  }

  /** Whether the power level suffices is for the writer to say. */
  async #checkRedaction(who: Requester, roomId: RoomId, redacts: EventId): Promise<void> {
    const { events, members } = this.#parts
    const target = await events.find(redacts)
    // What is to be redacted may be on other servers, and come here later.
    if (!target && !who.isSuspended && (await members.hasRemote(roomId))) return
    if (target?.roomId !== roomId) throw notFound('There is no such event in this room')
    if (untouchable.has(target.row.type)) throw forbidden(`${target.row.type} cannot be redacted`)
    if (who.isSuspended && target.row.sender !== who.userId) {
      throw forbidden('Your account is suspended: you can redact only what you sent')
    }
  }
}

/** A redaction sent as an event names its target in the content, whatever the room version. */
function redactionTarget(type: string, { redacts }: JsonObject): EventId | undefined {
  return type === 'm.room.redaction' && isEventId(redacts) ? redacts : undefined
}
