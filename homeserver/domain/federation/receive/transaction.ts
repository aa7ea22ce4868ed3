/**
 * Transactions of other servers: every PDU is looked at, those that may be events are put on disk, and then the answer
 * says that we have them. https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1sendtxnid
 */
import { isJsonObject } from '../../../core/canonical-json.ts'
import { invalidParam, limitExceeded, MatrixError } from '../../../core/errors.ts'
import type { Json, JsonObject } from '../../../core/event.ts'
import { type EventId, isRoomId, type RoomId, type ServerName } from '../../../core/ids.ts'
import { receiveEvent } from '../../../core/pdu.ts'
import type { RoomVersion } from '../../../core/room-version.ts'
import { type Clock, patiently } from '../../../platform/clock.ts'
import { logger } from '../../../platform/log.ts'
import type { Counter } from '../../../platform/metrics.ts'
import { NoSlotError, Slots } from '../../../platform/slots.ts'
import type { Database } from '../../../storage/database.ts'
import { addReceivedTransaction, findAnswer, stagePdus, type StagedPdu } from '../../../storage/staged-pdus.ts'
import type { Entrances } from '../entrances.ts'
import type { Rescissions } from '../joining/rescissions.ts'
import type { Incoming } from '../../rooms/hooks.ts'
import type { RemoteEvent } from '../../rooms/remote-event.ts'
import type { EduReceiver } from './edu-receiver.ts'
import type { RoomInbox } from './room-inbox.ts'
import type { RoomsHere } from './rooms-here.ts'
import type { EventVerifier } from './verify-event.ts'

const log = logger('federation')

export interface IncomingTransaction {
  readonly origin: ServerName
  readonly txnId: string
  readonly pdus: readonly Json[]
  readonly edus: readonly Json[]
}

/** By event id; empty for those we take. */
export type TransactionAnswer = { readonly pdus: { readonly [eventId: string]: { readonly error?: string } } }

export interface TransactionParts {
  readonly database: Database
  readonly clock: Clock
  readonly verifier: EventVerifier
  readonly rooms: RoomsHere
  readonly inbox: RoomInbox
  readonly edus: EduReceiver
  readonly rescissions: Rescissions
  readonly entrances: Entrances
  /** By `result`: staged or refused. */
  readonly received: Counter<'result'>
}

interface PlacedPdu {
  readonly origin: ServerName
  readonly roomId: RoomId
  /** Undefined for rooms that are not here. */
  readonly version: RoomVersion | undefined
  readonly json: Json
}

/** What is answered about a PDU, nothing without its id; and the event, if it is to be taken in. */
interface Look {
  readonly eventId?: EventId
  readonly error?: string
  readonly event?: RemoteEvent
}

const MAX_PDUS = 50
const MAX_EDUS = 100
/** Servers ask again within minutes. */
const REMEMBER_MS = 60 * 60_000
/** Of one server, behind the one at work. */
const MAX_WAITING = 2
const RETRY_MS = 1_000
/** Somebody waits for what others did to be known here. */
const PATIENCE_MS = 1_000

export class TransactionReceiver implements Incoming {
  readonly #parts: TransactionParts
  readonly #running = new Map<string, Promise<TransactionAnswer>>()
  readonly #slots = new Slots({ perKey: 1, maxWaiting: MAX_WAITING })

  constructor(parts: TransactionParts) {
    this.#parts = parts
  }

  /** Whoever sends the same transaction again gets the same answer, and nothing happens twice (T49). */
  async receive(transaction: IncomingTransaction): Promise<TransactionAnswer> {
    const { origin, txnId, pdus, edus } = transaction
    if (pdus.length > MAX_PDUS) throw invalidParam(`A transaction has at most ${MAX_PDUS} PDUs`)
    if (edus.length > MAX_EDUS) throw invalidParam(`A transaction has at most ${MAX_EDUS} EDUs`)
    const key = `${origin} ${txnId}`
    const running = this.#running.get(key)
    if (running) return await running
    const work = this.#slots.run(origin, () => this.#once(transaction)).finally(() => this.#running.delete(key))
    this.#running.set(key, work)
    try {
      return await work
    } catch (error) {
      if (error instanceof NoSlotError) throw limitExceeded(RETRY_MS, 'One transaction after the other')
      throw error
    }
  }

  async settled(roomId: RoomId): Promise<void> {
    const { clock, inbox } = this.#parts
    const taken = Promise.allSettled(this.#running.values()).then(() => inbox.settled(roomId))
    await patiently(clock, PATIENCE_MS, taken)
  }

  async #once(transaction: IncomingTransaction): Promise<TransactionAnswer> {
    const { database, clock, inbox } = this.#parts
    const { origin, txnId } = transaction
    const answered = await findAnswer(database, origin, txnId)
    if (answered !== undefined) return answered as TransactionAnswer // made below
    const { staged, answer } = await this.#look(transaction)
    for (const edu of transaction.edus) await this.#passOn(origin, edu)
    const now = clock.now()
    await database.transaction('receive transaction', async (tx) => {
      await stagePdus(tx, staged)
      await addReceivedTransaction(tx, { origin, txnId, answer, ts: now, forgetTs: now - REMEMBER_MS })
    })
    inbox.wake(new Set(staged.map(({ roomId }) => roomId)))
    return answer
  }

  /** What is wrong with one PDU concerns no other one (T04). Their signatures are checked side by side. */
  async #look({ origin, pdus }: IncomingTransaction): Promise<{ staged: StagedPdu[]; answer: TransactionAnswer }> {
    const looks: Promise<Look>[] = []
    for (const json of pdus) {
      const { version, roomId } = await this.#roomOf(json)
      if (roomId === undefined) continue // its id cannot be told, so neither can what is wrong with it
      const pdu = { origin, roomId, version, json }
      const decided = await this.#admit(pdu)
      const look = decided ? Promise.resolve(decided) : this.#verify(pdu)
      look.catch(() => undefined) // until it is waited for
      looks.push(look)
    }
    const results: Record<EventId, { error?: string }> = {}
    const staged: StagedPdu[] = []
    for (const { eventId, event, error } of await Promise.all(looks)) {
      if (eventId !== undefined) results[eventId] = error === undefined ? {} : { error }
      if (event) staged.push(this.#parts.inbox.take(origin, event))
    }
    return { staged, answer: { pdus: results } }
  }

  /** What becomes of an event that is not for the room as it is here; undefined for all others. */
  async #admit(pdu: PlacedPdu): Promise<Look | undefined> {
    const { origin, roomId, version, json } = pdu
    try {
      const rescission = await this.#parts.rescissions.take(roomId, json)
      if (rescission !== undefined) return { eventId: rescission }
      if (!version) return {}
      await this.#parts.rooms.open(origin, roomId)
      return undefined
    } catch (error) {
      return this.#refused(pdu, error)
    }
  }

  async #verify(pdu: PlacedPdu): Promise<Look> {
    const { roomId, version, json } = pdu
    if (!version) return {}
    try {
      const event = await this.#parts.verifier.verify(version, roomId, json)
      this.#parts.received.inc({ result: 'staged' })
      return { eventId: event.eventId, event }
    } catch (error) {
      return this.#refused(pdu, error)
    }
  }

  #refused({ origin, roomId, version, json }: PlacedPdu, error: unknown): Look {
    if (!(error instanceof MatrixError)) throw error
    const eventId = version && idIn(json, version)
    this.#parts.received.inc({ result: 'refused' })
    log.info({ origin, roomId, eventId, reason: error.message }, 'PDU refused')
    return { ...(eventId === undefined ? {} : { eventId }), error: error.message }
  }

  async #roomOf(json: Json): Promise<{ version?: RoomVersion | undefined; roomId?: RoomId }> {
    const roomId = isJsonObject(json) ? json['room_id'] : undefined
    if (!isRoomId(roomId)) return {}
    await this.#parts.entrances.settled(roomId)
    return { roomId, version: await this.#parts.rooms.versionOf(roomId) }
  }

  async #passOn(origin: ServerName, edu: Json): Promise<void> {
    const { edu_type: type, content } = isJsonObject(edu) ? edu : ({} as JsonObject)
    if (typeof type !== 'string' || !isJsonObject(content)) return
    try {
      await this.#parts.edus.receive(origin, { type, content })
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
      log.info({ origin, type, reason: error.message }, 'EDU refused')
    }
  }
}

/** The id of an event that is refused, if it has the form of one. */
function idIn(json: Json, version: RoomVersion): EventId | undefined {
  const event = isJsonObject(json) ? receiveEvent(json, version) : undefined
  return event && 'eventId' in event ? event.eventId : undefined
}
