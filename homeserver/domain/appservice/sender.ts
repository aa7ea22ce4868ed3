/**
 * Tells one application service, in order and nothing twice: the next transaction is made when the last one was taken,
 * and is on disk with the place where it ends before it goes out. Until it is taken, the same one is sent again, also
 * after a restart. What waits stays in the tables of the streams, however long that lasts.
 * https://spec.matrix.org/v1.19/application-service-api/#pushing-events
 */
import type { RoomId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { FetchError } from '../../platform/fetch-error.ts'
import { logger } from '../../platform/log.ts'
import {
  type AppserviceProgress,
  findAppserviceProgress,
  type KeptTransaction,
  listEventsAt,
  removeToDeviceAt,
  setAppserviceProgress,
} from '../../storage/appservices.ts'
import type { Appservice } from '../accounts/appservices.ts'
import { type ClientEvents, clientEventText } from '../rooms/client-event.ts'
import type { AppserviceClient } from './client.ts'
import { placeOf } from './event-log.ts'
import type { AppserviceMetrics } from './metrics.ts'
import { type News, type NewsParts, readNews } from './news.ts'
import type { UserQueries } from './user-queries.ts'

export interface SenderParts extends NewsParts {
  readonly clock: Clock
  readonly client: AppserviceClient
  readonly clientEvents: Pick<ClientEvents, 'surroundings'>
  readonly userQueries: UserQueries
  readonly metrics: AppserviceMetrics
}

type Transaction = Pick<News, 'events' | 'members'>

const FIRST_RETRY_MS = 1_000
const LAST_RETRY_MS = 3_600_000
/** A service that asks us something is there again; so soon after a failure it may still be starting. */
const MIN_RETRY_MS = 5_000
const TIMEOUT_MS = 60_000
/** Events of no concern that may pass before the place is written. */
const MAX_UNWRITTEN = 10_000
const MAX_TYPING_ROOMS = 1_000

const log = logger('appservice')

export class AppserviceSender {
  readonly appservice: Appservice
  readonly #parts: SenderParts
  readonly #abort = new AbortController()
  readonly #running: Promise<void>
  #progress: AppserviceProgress
  /** As it is in the table, where a restart would begin. */
  #written: AppserviceProgress
  #failures = 0
  #typing = new Set<RoomId>()
  #news = Promise.withResolvers<void>()
  #retry: { readonly since: number; readonly now: () => void } | undefined

  private constructor(appservice: Appservice, parts: SenderParts, progress: AppserviceProgress) {
    this.appservice = appservice
    this.#parts = parts
    this.#progress = this.#written = progress
    this.#running = this.#run(this.#abort.signal)
  }

  /** Goes on where it was; a service that is new hears of what happens from now on. */
  static async open(appservice: Appservice, parts: SenderParts): Promise<AppserviceSender> {
    const { database, streams } = parts
    const known = await findAppserviceProgress(database, appservice.id)
    if (known) return new AppserviceSender(appservice, parts, known)
    const { events, receipts, presence, to_device, device_lists } = streams.positions()
    const place = { events, receipts, presence, to_device, device_lists }
    const first: AppserviceProgress = { place, txnId: 0, pending: undefined }
    await database.transaction('begin with application service', (tx) =>
      setAppserviceProgress(tx, appservice.id, first),
    )
    return new AppserviceSender(appservice, parts, first)
  }

  /** Something happened that may concern the service. */
  wake(): void {
    this.#news.resolve()
  }

  /** Somebody started or stopped typing. */
  typed(roomId: RoomId): void {
    if (this.#failures > 0 || this.#typing.size >= MAX_TYPING_ROOMS) return // soon it is not true any more
    this.#typing.add(roomId)
    this.wake()
  }

  /** The service is there: what failed before may work now. */
  heard(): void {
    if (this.#retry && this.#parts.clock.monotonic() - this.#retry.since >= MIN_RETRY_MS) this.#retry.now()
  }

  /** Resolves when nothing is on its way any more. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('The application service is told nothing more'))
    this.#retry?.now()
    this.wake()
    await this.#running
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const progress = this.#progress
        const transaction = progress.pending ? await this.#again(progress.pending) : await this.#next(progress)
        if (signal.aborted) break
        if (!transaction) await this.#news.promise
        else if (await this.#deliver(transaction, signal)) this.#taken()
        else await this.#pause()
      } catch (error) {
        if (signal.aborted) break
        log.error({ appserviceId: this.appservice.id, error }, 'application service cannot be told')
        await this.#pause()
      }
    }
    const isMoved = this.#progress !== this.#written
    if (isMoved) await this.#keep(this.#progress).catch(() => undefined) // it is the same work again, then
  }

  /** Events are read anew: one that was redacted meanwhile is told as what is left of it. */
  async #again({ events, members }: KeptTransaction): Promise<Transaction> {
    return { events: await listEventsAt(this.#parts.database, events), members }
  }

  /** Makes the next transaction; undefined if there is nothing to tell. */
  async #next({ txnId, place }: AppserviceProgress): Promise<Transaction | undefined> {
    this.#news = Promise.withResolvers()
    const typing = this.#typing
    this.#typing = new Set()
    for (let from = place, isFull = true; isFull && !this.#abort.signal.aborted;) {
      const news = await readNews(this.#parts, this.appservice, from, typing)
      if (news.events.length > 0 || news.members !== '') {
        const pending = { events: news.events.map(placeOf), members: news.members }
        await this.#keep({ place: news.place, txnId: txnId + 1, pending }, news.takenMessages)
        return news
      }
      ;({ place: from, isFull } = news)
      await this.#moveTo({ place: from, txnId, pending: undefined })
    }
    return undefined
  }

  /** Passes over what is of no concern, which costs nothing to look at again, unless it is much. */
  async #moveTo(progress: AppserviceProgress): Promise<void> {
    this.#progress = progress
    this.#observe()
    const written = this.#written
    const isNear = progress.place.events - written.place.events < MAX_UNWRITTEN
    if (!isNear || written.pending) await this.#keep(progress)
  }

  async #keep(progress: AppserviceProgress, takenMessages: readonly number[] = []): Promise<void> {
    const { database, streams } = this.#parts
    await database.transaction('keep progress of application service', async (tx) => {
      await setAppserviceProgress(tx, this.appservice.id, progress)
      if (takenMessages.length > 0) await streams.remember(tx, 'to_device')
      await removeToDeviceAt(tx, takenMessages)
    })
    this.#progress = this.#written = progress
    this.#observe()
  }

  /** True if the service took it. */
  async #deliver({ events, members }: Transaction, signal: AbortSignal): Promise<boolean> {
    const { clock, clientEvents, userQueries, metrics } = this.#parts
    const { id } = this.appservice
    await userQueries.make(this.appservice, events, signal)
    const around = await clientEvents.surroundings(events)
    const now = clock.now()
    const texts = events.map((event) => clientEventText(event, { now }, around(event)))
    const body = `{"events":[${texts.join(',')}]${members === '' ? '' : `,${members}`}}`
    const path = `/v1/transactions/${this.#progress.txnId}`
    const result = await this.#put(path, body, signal)
    metrics.transactions.inc({ appservice: id, result })
    metrics.lag.set(result === 'taken' ? 0 : Math.max(0, now - (events[0]?.row.origin_server_ts ?? now)) / 1000, {
      appservice: id,
    })
    return result === 'taken'
  }

  async #put(path: string, body: string, signal: AbortSignal): Promise<'taken' | 'refused' | 'unreachable'> {
    const { id } = this.appservice
    try {
      const request = { method: 'PUT', path, body, signal, timeoutMs: TIMEOUT_MS } as const
      const { status } = await this.#parts.client.request(this.appservice, request)
      if (status === 200) return 'taken'
      log.warn({ appserviceId: id, status }, 'application service refuses a transaction')
      return 'refused'
    } catch (error) {
      if (!(error instanceof FetchError)) throw error
      log.warn({ appserviceId: id, error: error.message }, 'application service cannot be reached')
      return 'unreachable'
    }
  }

  #taken(): void {
    this.#failures = 0
    this.#progress = { ...this.#progress, pending: undefined }
  }

  async #pause(): Promise<void> {
    if (this.#abort.signal.aborted) return
    const { clock } = this.#parts
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = clock.after(Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LAST_RETRY_MS), resolve)
    this.#retry = { since: clock.monotonic(), now: resolve }
    this.#observe()
    await promise
    cancel()
    this.#retry = undefined
  }

  #observe(): void {
    const { metrics, streams } = this.#parts
    const behind = streams.position('events') - this.#progress.place.events
    const onTheWay = this.#progress.pending?.events.length ?? 0
    metrics.queue.set(behind + onTheWay, { appservice: this.appservice.id })
  }
}
