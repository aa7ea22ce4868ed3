/**
 * Sends other servers what the outbox holds for them. https://spec.matrix.org/v1.19/server-server-api/#transactions
 *
 * Each server has a queue while something waits for it or while it fails; a room with many servers is not held up by
 * those that hang, because these share few places and are tried ever more rarely.
 */
import { randomInt } from 'node:crypto'
import { isJsonObject } from '../../core/canonical-json.ts'
import type { ServerName } from '../../core/ids.ts'
import { type Cancel, type Clock, patiently } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import { logger } from '../../platform/log.ts'
import { Lru } from '../../platform/lru.ts'
import type { Counter, Histogram, Metrics } from '../../platform/metrics.ts'
import { Slots } from '../../platform/slots.ts'
import type { Database } from '../../storage/database.ts'
import { type DestinationRow, listFailingDestinations, setDestinations } from '../../storage/destinations.ts'
import { GroupCommit } from '../../storage/group-commit.ts'
import {
  countOutgoing,
  listAddressed,
  listOutgoingEdus,
  listOutgoingEvents,
  removeOutgoing,
  thinOutgoing,
} from '../../storage/outbox.ts'
import { type FederationClient, federationPath } from './client.ts'
import { freshDestination } from './destination-state.ts'
import type { Destinations } from './destinations.ts'
import { FederationError } from './federation-error.ts'
import type { Outbox, OutboxReader } from './outbox.ts'
import { DestinationQueue, type SenderWorld, type SendOutcome } from './sender-queue.ts'
import type { OutgoingTransaction } from './sender-transaction.ts'

export interface SenderParts {
  readonly database: Database
  readonly clock: Clock
  readonly metrics: Metrics
  readonly client: Pick<FederationClient, 'put'>
  readonly destinations: Destinations
  readonly outbox: Outbox
  readonly serverName: ServerName
  readonly random?: () => number
}

interface Settlement {
  readonly destination: ServerName
  readonly sent: readonly number[]
  readonly news: DestinationRow | undefined
}

/** At the same time: servers that answered when last tried, and others. */
const CONCURRENT = { answering: 128, failing: 30 }
const MAX_SERVERS = 50_000
/** Between two servers that are tried again. */
const RETRY_GAP_MS = 200
/** So long typing, receipts and presence gather. */
const GATHER_MS = 150
const TIMEOUT_MS = 60_000
/** Somebody waits for what he did to be known elsewhere. */
const PATIENCE_MS = 1_000
/** What is on its way when the server stops may still arrive. */
const GRACE_MS = 3_000
/** EDUs without a key that are kept for a server that is down. */
const MAX_EDUS = 5_000
/** Answers beside 5xx that say something about the server, or about us, and nothing about what was sent. */
const passingStatuses: ReadonlySet<number> = new Set([401, 403, 404, 408, 429])

const log = logger('federation')

export class FederationSender implements Service, OutboxReader {
  readonly name = 'federation sender'
  readonly #parts: SenderParts
  readonly #world: SenderWorld
  readonly #queues = new Map<ServerName, DestinationQueue>()
  readonly #lastSuccess = new Lru<ServerName, number>(MAX_SERVERS)
  readonly #slots = { answering: slotsOf(CONCURRENT.answering), failing: slotsOf(CONCURRENT.failing) }
  readonly #requests = new AbortController()
  readonly #sent: Counter<'result'>
  readonly #seconds: Histogram
  /** With EDUs that gather. */
  #gathering = new Set<DestinationQueue>()
  #cancelGathering: Cancel | undefined
  #nextRetry = 0
  #signal: AbortSignal = AbortSignal.abort()

  constructor(parts: SenderParts) {
    this.#parts = parts
    const { database, clock, serverName, metrics, random = randomFraction } = parts
    this.#sent = metrics.counter('fed_out_transactions_total', 'Transactions sent to other servers', ['result'])
    this.#seconds = metrics.histogram('fed_out_seconds', 'Time until another server has taken a transaction')
    metrics.observed('fed_out_pending', 'What waits on disk for other servers', 'gauge', () => this.#sum('waiting'))
    metrics.observed('fed_out_destinations', 'Servers something waits for', 'gauge', () => this.#queues.size)
    metrics.observed('fed_dest_backing_off', 'Servers that could not be reached', 'gauge', () => this.#sum('isFailing'))
    const settlements = new GroupCommit<Settlement, undefined>({
      database,
      name: 'settle what was sent',
      write: async (tx, items) => {
        for (const { destination, sent } of items) await removeOutgoing(tx, destination, sent)
        const news = new Map(items.flatMap(({ news: row }) => (row ? [[row.server_name, row]] : [])))
        await setDestinations(tx, [...news.values()])
        return items.map(() => undefined)
      },
    })
    this.#world = {
      serverName,
      clock,
      random,
      read: async (destination, ranges) => {
        const [events, edus] = await Promise.all([
          listOutgoingEvents(database, destination, ranges.events),
          listOutgoingEdus(database, destination, ranges.edus),
        ])
        return { events, edus }
      },
      send: (destination, transaction) => this.#send(destination, transaction),
      settle: (destination, sent, news) => settlements.add({ destination, sent, news }),
      thin: (row) =>
        database.transaction('thin out an outbox', async (tx) => {
          await thinOutgoing(tx, row.server_name, MAX_EDUS)
          await setDestinations(tx, [row])
          return await countOutgoing(tx, row.server_name)
        }),
      slot: (isFailing, fn) => this.#slots[isFailing ? 'failing' : 'answering'].run('', fn, this.#signal),
      later: (ms, fn) => this.#later(ms, fn),
      idle: ({ server_name, last_success }) => {
        if (last_success !== null) this.#lastSuccess.set(server_name, last_success)
        this.#queues.delete(server_name)
      },
    }
  }

  /** Goes on with what was left. */
  async start(signal: AbortSignal): Promise<void> {
    const { database, destinations, outbox } = this.#parts
    this.#signal = signal
    outbox.attach(this)
    destinations.onAlive((server, sign) => this.#queues.get(server)?.wake(sign))
    const [failing, addressed] = await Promise.all([listFailingDestinations(database), listAddressed(database)])
    for (const row of failing) {
      if (!this.#queues.has(row.server_name)) this.#add(row)
    }
    for (const { destination, count } of addressed) this.queued(destination, count)
  }

  async stop(): Promise<void> {
    this.#cancelGathering?.()
    const cancel = this.#parts.clock.after(GRACE_MS, () => this.#requests.abort(new Error('The server stops')))
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()))
    cancel()
  }

  /** Resolves when nothing is on its way: all that waits is for a later time. */
  async settle(): Promise<void> {
    for (;;) {
      const running = [...this.#queues.values()].flatMap((queue) => queue.running ?? [])
      if (running.length === 0) return
      await Promise.all(running)
    }
  }

  async heard(destinations: readonly ServerName[]): Promise<void> {
    const running = destinations.flatMap((destination) => this.#queues.get(destination)?.running ?? [])
    if (running.length > 0) await patiently(this.#parts.clock, PATIENCE_MS, Promise.all(running))
  }

  queued(destination: ServerName, count: number): void {
    this.#queueOf(destination).queued(count)
  }

  passing(destination: ServerName, key: string, edu: string): void {
    if (this.#signal.aborted) return
    const queue = this.#queueOf(destination)
    queue.pass(key, edu)
    this.#gathering.add(queue)
    this.#cancelGathering ??= this.#parts.clock.after(GATHER_MS, () => {
      this.#cancelGathering = undefined
      const gathered = this.#gathering
      this.#gathering = new Set()
      for (const each of gathered) each.run()
    })
  }

  /** Tries a server at once that is left alone because it failed. */
  retry(destination: ServerName): void {
    this.#queues.get(destination)?.wake({ atOnce: true })
  }

  #queueOf(destination: ServerName): DestinationQueue {
    return (
      this.#queues.get(destination) ??
      this.#add(freshDestination(destination, this.#lastSuccess.get(destination) ?? null))
    )
  }

  #add(row: DestinationRow): DestinationQueue {
    const queue = new DestinationQueue(row, this.#world, this.#signal)
    this.#queues.set(row.server_name, queue)
    return queue
  }

  async #send(destination: ServerName, { txnId, body }: OutgoingTransaction): Promise<SendOutcome> {
    const { clock } = this.#parts
    const from = clock.monotonic()
    const result = await this.#put(destination, federationPath`/v1/send/${txnId}`, body)
    this.#sent.inc({ result: result.outcome })
    if (result.outcome === 'taken') this.#seconds.observe((clock.monotonic() - from) / 1000)
    return result
  }

  async #put(destination: ServerName, path: string, bodyText: string): Promise<SendOutcome> {
    const call = { bodyText, evenIfDown: true, timeoutMs: TIMEOUT_MS, signal: this.#requests.signal }
    try {
      const { pdus } = await this.#parts.client.put(destination, path, call)
      if (isJsonObject(pdus)) tellErrors(destination, pdus)
      return { outcome: 'taken' }
    } catch (error) {
      const remote = error instanceof FederationError ? error.remote : undefined
      const isRefused = remote && remote.status >= 400 && remote.status < 500 && !passingStatuses.has(remote.status)
      if (isRefused) return { outcome: 'refused' }
      const wanted = isJsonObject(remote?.body) ? remote.body['retry_after_ms'] : undefined
      const reason = error instanceof Error ? error.message : 'no answer'
      return { outcome: 'failed', reason, ...(typeof wanted === 'number' ? { retryAfterMs: wanted } : {}) }
    }
  }

  /** Servers that failed at the same moment are not tried again at the same moment. */
  #later(ms: number, fn: () => void): Cancel {
    const { clock } = this.#parts
    let cancel = clock.after(ms, () => {
      const now = clock.monotonic()
      const at = Math.max(now, this.#nextRetry)
      this.#nextRetry = at + RETRY_GAP_MS
      cancel = clock.after(at - now, fn)
    })
    return () => cancel()
  }

  #sum(what: 'waiting' | 'isFailing'): number {
    let sum = 0
    for (const queue of this.#queues.values()) sum += Number(queue[what])
    return sum
  }
}

function slotsOf(count: number): Slots {
  return new Slots({ perKey: count, maxWaiting: MAX_SERVERS })
}

function tellErrors(destination: ServerName, results: object): void {
  for (const [eventId, result] of Object.entries(results)) {
    if (isJsonObject(result) && result['error'] !== undefined) {
      log.debug({ destination, eventId }, 'another server does not take an event')
    }
  }
}

function randomFraction(): number {
  return randomInt(1_000_000) / 1_000_000
}
