/** The bridge: Telegram's updates in, Matrix' events in, and from their tables each to the other side. */
import type { UpdatePost } from '../../homeserver/core/telegram-updates.ts'
import { logger } from '../../homeserver/platform/log.ts'
import { Metrics } from '../../homeserver/platform/metrics.ts'
import type { MatrixEvent } from '../appservice/event.ts'
import { Lanes } from '../appservice/lanes.ts'
import { Listener } from '../appservice/listener.ts'
import { bridgedTypes, isOfItsType } from './bridged-types.ts'
import { compose } from './compose.ts'
import type { BridgeParts } from './config.ts'
import { type Failures, problemOf } from './failures.ts'
import type { Login } from './login.ts'
import { Matrix, puppetKey } from './matrix.ts'
import { type BridgeMetrics, bridgeMetrics } from './metrics.ts'
import type { Metadata } from './metadata.ts'
import { checkBot, Lease } from './lease.ts'
import { Poller } from './poller.ts'
import {
  addEvents,
  countEvents,
  eventLanes,
  firstEvent,
  giveUpParked,
  pruneEvents,
  type StoredEvent,
} from './store/events.ts'
import { portalsByState } from './store/portals.ts'
import {
  countUpdates,
  firstUpdate,
  pruneUpdates,
  removeUpdate,
  type StoredUpdate,
  updateLanes,
} from './store/updates.ts'
import { Telegram } from './telegram.ts'
import { commandMenus } from './texts.ts'
import type { ToMatrix } from './to-matrix.ts'
import type { ToTelegram } from './to-telegram.ts'
import { updateOf } from './update.ts'
import { postOf, Webhook } from './webhook.ts'

const RETRY_MS = 1_000
/** How long it is remembered what came through, and how long what was given up waits for somebody to try it again. */
const KEPT_MS = 7 * 24 * 3600_000
const DEAD_KEPT_MS = 30 * 24 * 3600_000
const PRUNE_MS = 3600_000
/** How long events wait for a bot that was thrown out. */
const PARKED_MS = 24 * 3600_000
const MEASURE_MS = 15_000
const log = logger('telegram')

interface Bot {
  readonly id: string
  readonly username: string
}

export class TelegramBridge implements AsyncDisposable {
  readonly bot: { readonly id: string; readonly username: string }
  readonly #parts: BridgeParts
  readonly #matrix: Matrix
  readonly #toMatrix: ToMatrix
  readonly #toTelegram: ToTelegram
  readonly #updates: Lanes<StoredUpdate>
  readonly #events: Lanes<StoredEvent>
  readonly #intake: Poller | Webhook
  readonly #lease: Lease
  readonly #listener: Listener
  readonly #login: Login
  readonly #failures: Failures
  readonly #metrics: BridgeMetrics
  readonly #metadata: Metadata
  readonly #stopping = new AbortController()
  readonly #takePost: ((post: UpdatePost) => Promise<void>) | undefined
  readonly #opened = new DisposableStack()
  #running: Promise<unknown> = Promise.resolve()
  /** Resolves when another process has taken over. */
  ended: Promise<void> = Promise.resolve()

  private constructor(
    parts: BridgeParts,
    { matrix, telegram, metrics, bot }: { matrix: Matrix; telegram: Telegram; metrics: BridgeMetrics; bot: Bot },
  ) {
    const { config, database, clock, retryMs = RETRY_MS } = parts
    this.#metrics = metrics
    this.#parts = parts
    this.bot = bot
    this.#matrix = matrix
    const wake = (room: string): void => this.#events.wake(room)
    const base = { matrix, telegram, database, clock, bot, retryMs, serverName: config.serverName, metrics, wake }
    const { login, metadata, toMatrix, toTelegram, failures, provisioning, publicPortals } = compose({
      ...base,
      config,
    })
    this.#login = login
    this.#metadata = metadata
    this.#toMatrix = toMatrix
    this.#toTelegram = toTelegram
    this.#failures = failures
    this.#updates = new Lanes<StoredUpdate>(
      {
        name: 'updates',
        log,
        tracing: parts.tracing,
        first: (lane) => firstUpdate(database, lane),
        work: (update) => this.#takeUpdate(update),
        failed: (update, error) => this.#failures.ofUpdate(update, error),
      },
      clock,
    )
    this.#events = new Lanes<StoredEvent>(
      {
        name: 'events',
        log,
        tracing: parts.tracing,
        first: (lane) => firstEvent(database, lane),
        work: (event) => this.#takeEvent(event),
        failed: (event, error) => this.#failures.ofEvent(event, error),
      },
      clock,
    )
    const intake = {
      ...base,
      arrived: (lanes: ReadonlySet<string>) => lanes.forEach((lane) => this.#updates.wake(lane)),
    }
    const { webhook: url, registration } = config
    const webhook = url === undefined ? undefined : new Webhook({ ...intake, url, key: registration.hs_token })
    this.#intake = webhook ?? new Poller(intake)
    const takePost = webhook && ((post: UpdatePost) => webhook.take(post))
    this.#takePost = takePost
    this.#lease = new Lease({ ...base, holder: parts.holder })
    this.#listener = new Listener({
      hsToken: config.registration.hs_token,
      listen: config.listen,
      log,
      tracing: parts.tracing,
      take: (events) => this.#keep(events),
      isReady: () => this.#intake.isHealthy,
      questions: provisioning.questions,
      hasAlias: (alias) => publicPortals.isThere(alias),
      ...(takePost ? { others: { 'POST /telegram/webhook': (request) => takePost(postOf(request)) } } : {}),
      ...(parts.metrics ? { metrics: parts.metrics } : {}),
    })
  }

  /** Rejects when Telegram or the homeserver is not there, or the token is wrong; nothing runs then. */
  static async start(parts: BridgeParts): Promise<TelegramBridge> {
    const metrics = parts.measures ?? bridgeMetrics(new Metrics())
    const telegram = new Telegram({ ...parts.config, metrics })
    const { id, username = '' } = await telegram.reader.getMe()
    const bot = { id: String(id), username }
    await checkBot(parts.database, bot)
    const matrix = await Matrix.open(parts.config, metrics)
    const bridge = new TelegramBridge(parts, { matrix, telegram, metrics, bot })
    try {
      await showCommands(telegram)
      await bridge.#lease.take()
      await bridge.#start()
    } catch (error) {
      await bridge.stop()
      throw error
    }
    log.info({ bot: username }, 'Telegram bridge at work')
    return bridge
  }

  async #start(): Promise<void> {
    const { database, clock } = this.#parts
    await this.#prune()
    await this.#measure()
    await this.#listener.start()
    await this.#login.announce().catch(() => undefined) // `run` does it again; other homeservers have no such thing
    for (const lane of await updateLanes(database)) this.#updates.wake(lane)
    for (const lane of await eventLanes(database)) this.#events.wake(lane)
    const { signal } = this.#stopping
    const { door } = this.#parts
    if (door && this.#takePost) this.#opened.defer(door.open(this.#takePost))
    this.ended = this.#lease.keep(signal)
    this.#running = Promise.all([
      this.ended,
      this.#intake.run(signal),
      this.#metadata.run(signal),
      clock.every(PRUNE_MS, 'prune what Telegram has', () => this.#prune(), signal),
      clock.every(MEASURE_MS, 'measure the Telegram bridge', () => this.#measure(), signal),
    ])
    void this.#login.run(signal) // its request ends with the homeserver, or within half a minute
  }

  async #prune(): Promise<void> {
    const { database, clock } = this.#parts
    const now = clock.now()
    const late = await database.transaction('telegram prune', async (tx) => {
      await pruneEvents(tx, { done: now - KEPT_MS, dead: now - DEAD_KEPT_MS })
      await pruneUpdates(tx, now - DEAD_KEPT_MS)
      return await giveUpParked(tx, now - PARKED_MS)
    })
    for (const [roomId, count] of late) {
      const text = `Telegram: the bot was away for a day, and ${count} of what was said here did not get there. !tg retry sends it again.`
      await this.#matrix.notice(roomId, text, `tg.parked.${roomId}.${now}`).catch(() => undefined) // it stays in the table
    }
  }

  async #measure(): Promise<void> {
    const { database, clock } = this.#parts
    const [updates, events] = [await countUpdates(database), await countEvents(database)]
    const age = (oldest = clock.now()): number => (clock.now() - oldest) / 1000
    this.#metrics.queue('to_matrix', { waiting: updates.waiting, dead: updates.dead }, age(updates.oldest))
    const { waiting, parked, dead, oldest } = events
    this.#metrics.queue('to_telegram', { waiting, parked, dead }, age(oldest))
    this.#metrics.portals(await portalsByState(database))
  }

  /** Takes nothing more in and finishes what is at work; what waits stays in the tables. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('The bridge stops'))
    this.#opened.dispose()
    await this.#listener.stop()
    await Promise.all([this.#updates.stop(), this.#events.stop(), this.#running])
    await this.#lease.end()
    await this.#matrix.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #keep(events: readonly MatrixEvent[]): Promise<void> {
    const { database, clock } = this.#parts
    const wanted = events.filter(
      (event) =>
        bridgedTypes.has(event.type) &&
        isOfItsType(event) &&
        (event.type === 'm.room.member' ||
          !(this.#matrix.isOurs(event.sender) || event.content[puppetKey] === 'telegram')),
    )
    if (wanted.length === 0) return
    const rows = wanted.map((event) => ({
      eventId: event.event_id,
      roomId: event.room_id,
      json: JSON.stringify(event),
    }))
    const rooms = await database.transaction('matrix events', (tx) => addEvents(tx, rows, clock.now()))
    for (const room of rooms) this.#events.wake(room)
  }

  async #takeUpdate(stored: StoredUpdate): Promise<void> {
    await this.#toMatrix.take(updateOf(stored.json), stored.attempts)
    await this.#parts.database.transaction('telegram update', (tx) => removeUpdate(tx, stored))
    this.#metrics.bridged('to_matrix', 'done')
  }

  async #takeEvent(stored: StoredEvent): Promise<void> {
    if (await this.#toTelegram.take(stored)) this.#metrics.bridged('to_telegram', 'done')
  }
}

/** What Telegram offers when somebody types a slash. A bot without the list works too. */
async function showCommands({ sender }: Telegram): Promise<void> {
  try {
    for (const menu of commandMenus) await sender.setMyCommands(menu)
  } catch (error) {
    log.warn({ problem: problemOf(error) }, 'list of commands not set')
  }
}
