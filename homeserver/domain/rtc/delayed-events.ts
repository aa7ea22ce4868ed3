/**
 * Events that a client leaves here to be sent later, unless it says otherwise before: who vanishes from a call leaves it
 * by such an event. https://github.com/matrix-org/matrix-spec-proposals/pull/4140
 *
 * Whoever knows the id of one may restart, send or cancel it: it is not to be guessed.
 */
import { randomBytes } from 'node:crypto'
import { encodeCanonical } from '../../core/canonical-json.ts'
import { badJson, forbidden, invalidParam, limitExceeded, notFound, refuse, tooLarge } from '../../core/errors.ts'
import { type JsonObject, maxEventBytes } from '../../core/event.ts'
import { fitsId, type RoomId, type UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import type { Database } from '../../storage/database.ts'
import {
  addDelayedEvent,
  countScheduled,
  type DelayedEventRow,
  finaliseDelayedEvent,
  findDelayedEvent,
  findDelayedTransaction,
  listFinalised,
  listScheduled,
  removeDelayedEvents,
  restartDelayedEvent,
} from '../../storage/delayed-events.ts'
import type { Departure } from '../accounts/hooks.ts'
import type { Requester } from '../accounts/requester.ts'
import { maxDelayedEvents } from '../limits.ts'
import { sessionOf } from '../rooms/client-event.ts'
import type { Members } from '../rooms/members.ts'
import { roomPower } from '../rooms/room-power.ts'
import type { DelayedSender } from './delayed-sender.ts'
import type { DelayedTimer } from './delayed-timer.ts'

export interface DelayedEventsParts {
  readonly database: Database
  readonly clock: Clock
  readonly members: Members
  readonly sender: DelayedSender
  readonly timer: DelayedTimer
  readonly locks: KeyedLock
  /** Milliseconds. */
  readonly maxDelay: number
}

export interface DelayedEventRequest {
  readonly roomId: RoomId
  readonly type: string
  /** Present for state. */
  readonly stateKey?: string | undefined
  /** Need not be there when a request comes again. */
  readonly content: JsonObject | undefined
  /** Milliseconds. */
  readonly delay: number
  readonly stickyDuration?: number | undefined
  readonly transactionId?: string
}

export type DelayedEvent = DelayedEventRow

export class DelayedEvents implements Departure {
  readonly #parts: DelayedEventsParts
  /** Events of one user are scheduled one after the other, so that none goes beyond the limit. */
  readonly #users = new KeyedLock({ name: 'scheduling by' })

  constructor(parts: DelayedEventsParts) {
    this.#parts = parts
  }

  /**
   * Gives the id by which the event is managed, the same one for the same transaction. Whether the room allows the event
   * shows when it is sent. Throws `M_FORBIDDEN` for those who are not in the room, `M_MAX_DELAY_EXCEEDED`,
   * `M_LIMIT_EXCEEDED`, and what any event throws that is too large or none.
   */
  async schedule(who: Requester, request: DelayedEventRequest): Promise<string> {
    const { database, clock, timer } = this.#parts
    const { roomId, type, stateKey, transactionId: txnId } = request
    const device = sessionOf(who).device ?? who.sessionId
    const { userId } = who
    const delayId = await this.#users.run(userId, async () => {
      const before = txnId && (await findDelayedTransaction(database, { userId, device, roomId, txnId }))
      if (before) return before
      const content = await this.#check(userId, request)
      const now = clock.steady()
      const row: DelayedEvent = {
        delay_id: randomBytes(24).toString('base64url'),
        user_id: userId,
        device,
        txn_id: txnId ?? null,
        room_id: roomId,
        type,
        state_key: stateKey ?? null,
        content,
        delay_ms: request.delay,
        sticky_ms: request.stickyDuration ?? null,
        since_ts: now,
        fire_ts: now + request.delay,
        attempts: 0,
        finalised_ts: null,
        outcome: null,
        event_id: null,
        error: null,
      }
      await database.transaction('schedule event', async (tx) => {
        const { count, next } = await countScheduled(tx, userId)
        if (count >= maxDelayedEvents)
          throw limitExceeded(Math.max(1, next - now), 'Too many events wait for their time')
        await addDelayedEvent(tx, row)
      })
      timer.arm(row.fire_ts)
      return row.delay_id
    })
    return delayId
  }

  /** Lets the whole delay run again. Throws `M_NOT_FOUND` for an event that does not wait any more. */
  async restart(delayId: string): Promise<void> {
    const { database, clock, locks, timer } = this.#parts
    const fireTs = await locks.run(delayId, () =>
      database.transaction('restart delayed event', (tx) => restartDelayedEvent(tx, delayId, clock.steady())),
    )
    if (fireTs === undefined) throw unknown()
    timer.arm(fireTs)
  }

  /** Also right for one that was cancelled before. Throws `M_NOT_FOUND`, and 409 for one that was sent or refused. */
  async cancel(delayId: string): Promise<void> {
    const { database, clock, locks } = this.#parts
    await locks.run(delayId, async () => {
      const cancelled = await database.transaction('cancel delayed event', (tx) =>
        finaliseDelayedEvent(tx, delayId, { ts: clock.now(), outcome: 'cancelled' }),
      )
      if (cancelled) return
      const { outcome } = await this.#existing(delayId)
      if (outcome !== 'cancelled') throw tooLate('The event was sent already, or refused')
    })
  }

  /**
   * Sends it at once; also right for one that was sent before. Throws `M_NOT_FOUND`, 409 for one that was cancelled or
   * refused, and what the room throws: then it waits on.
   */
  async send(delayId: string): Promise<void> {
    await this.#parts.locks.run(delayId, async () => {
      const row = await this.#existing(delayId)
      if (row.finalised_ts === null) await this.#parts.sender.send(row)
      else if (row.outcome !== 'sent') throw tooLate('The event was cancelled, or refused')
    })
  }

  async find(delayId: string): Promise<DelayedEvent | undefined> {
    return await findDelayedEvent(this.#parts.database, delayId)
  }

  /** All that wait, the next one first. There are at most `maxDelayedEvents`. */
  async scheduled(userId: UserId): Promise<DelayedEvent[]> {
    return await listScheduled(this.#parts.database, userId)
  }

  /** Those of the last days that are through, the latest first. */
  async finalised(userId: UserId, page: Parameters<typeof listFinalised>[2]): Promise<DelayedEvent[]> {
    return await listFinalised(this.#parts.database, userId, page)
  }

  async leave(userId: UserId): Promise<void> {
    await this.#parts.database.transaction('remove delayed events', (tx) => removeDelayedEvents(tx, userId))
  }

  async #existing(delayId: string): Promise<DelayedEvent> {
    const row = await this.find(delayId)
    if (!row) throw unknown()
    return row
  }

  /** The text of the content, if all is as it must be for any event of this room. */
  async #check(userId: UserId, { roomId, type, stateKey = '', content, delay }: DelayedEventRequest): Promise<string> {
    const { database, members, maxDelay } = this.#parts
    if (!Number.isSafeInteger(delay) || delay <= 0) throw invalidParam('The delay is a positive number of milliseconds')
    if (delay > maxDelay) {
      throw refuse(400, 'M_MAX_DELAY_EXCEEDED', `The delay is more than ${maxDelay} milliseconds`, {
        max_delay: maxDelay,
      })
    }
    if (!(await members.isJoined(roomId, userId))) throw forbidden('You are not in this room')
    if (!content) throw badJson('The content of an event must be an object')
    for (const name of [type, stateKey]) if (!fitsId(name)) throw tooLarge('A type or a state key is over 255 bytes')
    if (type === 'm.room.create') throw badJson('A room has only the create event that it began with')
    const { version } = await roomPower(database, roomId)
    const text = encodeCanonical(content, version)
    if (Buffer.byteLength(text) > maxEventBytes) throw tooLarge('The event has more than 65,536 bytes')
    return text
  }
}

const unknown = () => notFound('No such event waits to be sent')
const tooLate = (message: string) => refuse(409, 'M_UNKNOWN', message)
