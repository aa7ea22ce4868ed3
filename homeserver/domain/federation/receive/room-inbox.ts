/**
 * What other servers sent and we answered for, on its way into the rooms: in order within a room, and no room waits for
 * another. It is on disk, so that nothing is lost; what is in memory only spares us looking at signatures twice.
 */
import { parseJson } from '../../../core/canonical-json.ts'
import { MatrixError } from '../../../core/errors.ts'
import type { EventId, RoomId, ServerName } from '../../../core/ids.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Service } from '../../../platform/lifecycle.ts'
import { logger } from '../../../platform/log.ts'
import { Lru } from '../../../platform/lru.ts'
import type { Database } from '../../../storage/database.ts'
import { findStaged, listStaged, type StagedPdu, unstage } from '../../../storage/staged-pdus.ts'
import type { Receipt, RemoteEvent } from '../../rooms/remote-event.ts'
import type { RoomWriter } from '../../rooms/writer.ts'
import type { MissingParts } from './missing-parts.ts'
import type { RoomsHere } from './rooms-here.ts'
import type { EventVerifier } from './verify-event.ts'

const log = logger('federation')

export interface RoomInboxParts {
  readonly database: Database
  readonly clock: Clock
  readonly writer: RoomWriter
  readonly verifier: EventVerifier
  readonly rooms: RoomsHere
  readonly missing: MissingParts
}

/** Characters of events in memory. */
const MAX_KEPT = 16 * 1024 * 1024
const BATCH = 50
const RETRY_MS = 10_000
/** What was built on an event that could not be stored falls with it, and may come in without it. */
const MAX_TRIES = 3

export class RoomInbox implements Service {
  readonly name = 'room inbox'
  readonly #parts: RoomInboxParts
  readonly #verified = new Lru<EventId, RemoteEvent>(MAX_KEPT, ({ json }) => json.length + 500)
  /** Rooms at work; true if there is more than the worker has seen. */
  readonly #working = new Map<RoomId, boolean>()
  readonly #tasks = new Map<RoomId, Promise<void>>()
  readonly #stopping = new AbortController()
  #last = 0

  constructor(parts: RoomInboxParts) {
    this.#parts = parts
  }

  async start(): Promise<void> {
    const { rooms, last } = await findStaged(this.#parts.database)
    this.#last = Math.max(this.#last, last)
    this.wake(rooms)
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('The server stops'))
    await this.settle()
  }

  /** Resolves when every event has found its place. */
  async settle(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks.values())
  }

  /** Resolves when those of one room have. */
  async settled(roomId: RoomId): Promise<void> {
    await this.#tasks.get(roomId)
  }

  /** The row to be stored before the sender is told that we have the event. */
  take(origin: ServerName, event: RemoteEvent): StagedPdu {
    this.#verified.set(event.eventId, event)
    const { eventId, roomId, json } = event
    return { stagedId: ++this.#last, roomId, eventId, origin, json }
  }

  /** There is something for these rooms. */
  wake(rooms: Iterable<RoomId>): void {
    for (const roomId of rooms) {
      if (this.#working.has(roomId)) this.#working.set(roomId, true)
      else {
        this.#working.set(roomId, false)
        const task = this.#work(roomId, this.#stopping.signal).finally(() => {
          if (this.#tasks.get(roomId) === task) this.#tasks.delete(roomId)
        })
        this.#tasks.set(roomId, task)
      }
    }
  }

  async #work(roomId: RoomId, signal: AbortSignal): Promise<void> {
    const { database, clock } = this.#parts
    while (!signal.aborted) {
      this.#working.set(roomId, false)
      try {
        const batch = await listStaged(database, roomId, BATCH)
        if (batch.length === 0 && this.#working.get(roomId) === false) break
        await this.#receive(roomId, batch, signal)
        if (signal.aborted) break
        const done = batch.map(({ stagedId }) => stagedId)
        await database.transaction('unstage', (tx) => unstage(tx, done))
      } catch (error) {
        log.error({ roomId, error }, 'events of other servers wait')
        await clock.sleep(RETRY_MS, signal).catch(() => undefined) // a stop ends the loop
      }
    }
    this.#working.delete(roomId)
  }

  /** Most events follow each other: they are given to the writer at once, which keeps their order. */
  async #receive(roomId: RoomId, batch: readonly StagedPdu[], signal: AbortSignal): Promise<void> {
    const version = await this.#parts.rooms.versionOf(roomId)
    if (!version) return
    const events = await Promise.all(
      batch.map(async ({ eventId, origin, json }) => {
        const event =
          this.#verified.get(eventId) ??
          (await this.#parts.verifier.verify(version, roomId, parseJson(json)).catch(unless))
        return event ? [{ origin, event }] : []
      }),
    )
    const receipts = await Promise.all(
      events.flat().map(async ({ origin, event }) => ({ origin, event, receipt: await this.#place(roomId, event) })),
    )
    for (const { origin, event, receipt } of receipts) {
      const settled = isSettled(receipt) ? receipt : await this.#complete(origin, event, signal)
      this.#verified.delete(event.eventId)
      if (settled.status === 'accepted') continue
      const { status } = settled
      log.info({ origin, roomId, eventId: event.eventId, status, reason: reasonOf(settled) }, 'event not taken')
    }
  }

  /** One event that cannot be stored, for whatever reason, is not to keep all others out. */
  async #place(roomId: RoomId, event: RemoteEvent): Promise<Receipt> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#parts.writer.receive(roomId, event)
      } catch (error) {
        if (tries === MAX_TRIES) {
          log.error({ roomId, eventId: event.eventId, error }, 'event could not be stored')
          return { status: 'rejected', reason: 'It could not be stored' }
        }
      }
    }
  }

  /** Whoever is not there in time, or has nothing to say, gets nothing in. */
  async #complete(origin: ServerName, event: RemoteEvent, signal: AbortSignal): Promise<Receipt> {
    try {
      return await this.#parts.missing.complete(origin, event, signal)
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
      return { status: 'rejected', reason: error.message }
    }
  }
}

function isSettled({ status }: Receipt): boolean {
  return status !== 'missing' && status !== 'missing-auth'
}

function reasonOf(receipt: Receipt): string | undefined {
  return 'reason' in receipt ? receipt.reason : undefined
}

function unless(error: unknown): undefined {
  if (!(error instanceof MatrixError)) throw error
}
