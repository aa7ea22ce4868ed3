/** The bridge: Telegram's updates in, Matrix' events in, and from their tables each to the other side. */
import type { UpdatePost } from '../../homeserver/core/telegram-updates.ts'
import { logger } from '../../homeserver/platform/log.ts'
import type { MatrixEvent } from '../appservice/event.ts'
import { Lanes } from '../appservice/lanes.ts'
import { Listener } from '../appservice/listener.ts'
import { bridgedTypes } from './bridged-types.ts'
import type { BridgeParts } from './config.ts'
import { Chats } from './chats.ts'
import { CustomEmoji } from './custom-emoji.ts'
import { Files } from './files.ts'
import { Ghosts } from './ghosts.ts'
import { LinkCodes } from './link-codes.ts'
import { Login } from './login.ts'
import { MatrixCommands } from './matrix-commands.ts'
import { isRefusal, Matrix, puppetKey } from './matrix.ts'
import { Metadata } from './metadata.ts'
import { OddError } from './odd.ts'
import { Pace, TooEarlyError } from './pace.ts'
import { Lease } from './lease.ts'
import { Permissions } from './permissions.ts'
import { Poller } from './poller.ts'
import { Portals } from './portals.ts'
import { PrivateChats } from './private-chats.ts'
import { Provisioning } from './provisioning.ts'
import { Puppets } from './puppets.ts'
import { Rules } from './rules.ts'
import { Stickers } from './stickers.ts'
import { addEvents, eventLanes, firstEvent, noteEventFailure, pruneEvents, type StoredEvent } from './store/events.ts'
import { findPortal } from './store/portals.ts'
import {
  firstUpdate,
  noteUpdateFailure,
  pruneUpdates,
  removeUpdate,
  type StoredUpdate,
  updateLanes,
} from './store/updates.ts'
import { Telegram, type Verdict, verdictOf } from './telegram.ts'
import { TelegramCommands } from './telegram-commands.ts'
import { commandList } from './texts.ts'
import { ToMatrix } from './to-matrix.ts'
import { ToTelegram } from './to-telegram.ts'
import { Topics } from './topics.ts'
import { updateOf } from './update.ts'
import { postOf, Webhook } from './webhook.ts'

const RETRY_MS = 1_000
const LONGEST_WAIT_MS = 15 * 60_000
const MAX_ATTEMPTS = 10
/** How long it is remembered what came through, and how long what was given up waits for somebody to try it again. */
const KEPT_MS = 7 * 24 * 3600_000
const DEAD_KEPT_MS = 30 * 24 * 3600_000
const PRUNE_MS = 3600_000
const LOSS_TOLD_MS = 3600_000
const log = logger('telegram')

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
  readonly #pace: Pace
  readonly #metadata: Metadata
  readonly #stopping = new AbortController()
  readonly #takePost: ((post: UpdatePost) => Promise<void>) | undefined
  readonly #opened = new DisposableStack()
  #running: Promise<unknown> = Promise.resolve()
  /** Resolves when another process has taken over. */
  ended: Promise<void> = Promise.resolve()

  private constructor(parts: BridgeParts, matrix: Matrix, telegram: Telegram, bot: { id: string; username: string }) {
    const { config, database, clock, retryMs = RETRY_MS } = parts
    this.#parts = parts
    this.bot = bot
    this.#matrix = matrix
    const base = { matrix, telegram, database, clock, bot, retryMs, serverName: config.serverName }
    const files = new Files(base)
    const puppets = new Puppets(base)
    const ghosts = new Ghosts({ ...base, files, puppets })
    const linkCodes = new LinkCodes(base)
    this.#login = new Login({ ...base, files, puppets, linkCodes })
    this.#metadata = new Metadata({ ...base, sync: config.metadataSync })
    const metadata = this.#metadata
    const permissions = new Permissions(config.serverName, config.permissions)
    const rules = new Rules({ ...base, puppets, permissions, limits: config })
    const portals = new Portals({
      ...base,
      files,
      ghosts,
      metadata,
      federatedRooms: config.federatedRooms,
      wake: (room) => this.#events.wake(room),
    })
    const matrixCommands = new MatrixCommands({
      ...base,
      metadata,
      linkCodes,
      rules,
      portals,
      permissions,
    })
    const chats = new Chats({ ...base, page: () => this.#login.chatsPage })
    const provisioning = new Provisioning({ ...base, chats, portals, puppets, rules, permissions })
    const privateChats = new PrivateChats({ ...base, permissions, privateChats: config.privateChats })
    const commands = new TelegramCommands({ ...base, login: this.#login, chats, rules, portals, privateChats })
    this.#toMatrix = new ToMatrix({
      ...base,
      ghosts,
      puppets,
      files,
      commands,
      chats,
      metadata,
      topics: new Topics(base),
      stickers: new Stickers({ files, ffmpeg: config.ffmpeg }),
      customEmoji: new CustomEmoji({ ...base, files }),
      topicsAs: config.topics,
      commentsAs: config.comments,
    })
    this.#pace = new Pace({ clock, groupPerMinute: config.groupPerMinute })
    const { maxUpload } = config
    this.#toTelegram = new ToTelegram({
      ...base,
      ghosts,
      puppets,
      commands: matrixCommands,
      metadata,
      pace: this.#pace,
      maxUpload,
    })
    this.#updates = new Lanes<StoredUpdate>(
      {
        name: 'updates',
        log,
        tracing: parts.tracing,
        first: (lane) => firstUpdate(database, lane),
        work: (update) => this.#takeUpdate(update),
        failed: (update, error) => this.#updateFailed(update, error),
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
        failed: (event, error) => this.#eventFailed(event, error),
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
      ...(takePost ? { others: { 'POST /telegram/webhook': (request) => takePost(postOf(request)) } } : {}),
      ...(parts.metrics ? { metrics: parts.metrics } : {}),
    })
  }

  /** Rejects when Telegram or the homeserver is not there, or the token is wrong; nothing runs then. */
  static async start(parts: BridgeParts): Promise<TelegramBridge> {
    const telegram = new Telegram(parts.config)
    const { id, username = '' } = await telegram.reader.getMe()
    const matrix = await Matrix.open(parts.config)
    const bridge = new TelegramBridge(parts, matrix, telegram, { id: String(id), username })
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
    ])
    void this.#login.run(signal) // its request ends with the homeserver, or within half a minute
  }

  async #prune(): Promise<void> {
    const { database, clock } = this.#parts
    const [done, dead] = [clock.now() - KEPT_MS, clock.now() - DEAD_KEPT_MS]
    await database.transaction('telegram prune', async (tx) => {
      await pruneEvents(tx, { done, dead })
      await pruneUpdates(tx, dead)
    })
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
      ({ type, sender, content }) =>
        bridgedTypes.has(type) &&
        (type === 'm.room.member' || !(this.#matrix.isOurs(sender) || content[puppetKey] === 'telegram')),
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
    this.#count('to_matrix', 'done')
  }

  async #takeEvent(stored: StoredEvent): Promise<void> {
    await this.#toTelegram.take(stored)
    this.#count('to_telegram', 'done')
  }

  #count(direction: 'to_matrix' | 'to_telegram', result: 'done' | 'again' | 'dead'): void {
    this.#parts.bridged?.inc({ direction, result })
  }

  async #updateFailed(stored: StoredUpdate, error: unknown): Promise<number | undefined> {
    const limited = (error as { retryAfterMs?: number }).retryAfterMs
    const isNever = verdictOf(error).kind === 'never' || isHopeless(error)
    const isDead = limited === undefined && (isNever || stored.attempts + 1 >= MAX_ATTEMPTS)
    const note = { error: String(error), isCounted: limited === undefined, isDead }
    await this.#parts.database.transaction('telegram update failed', (tx) => noteUpdateFailure(tx, stored, note))
    this.#count('to_matrix', isDead ? 'dead' : 'again')
    log.warn({ update: stored.update_id, isDead, problem: problemOf(error) }, 'update not bridged')
    if (isDead) await this.#tellOfLoss(stored)
    return isDead ? undefined : (limited ?? this.#wait(stored.attempts))
  }

  async #eventFailed(stored: StoredEvent, error: unknown): Promise<number | undefined> {
    if (error instanceof TooEarlyError) return error.ms
    const { database } = this.#parts
    const { chat_id: chatId } = (await this.#portalOf(stored)) ?? {}
    const verdict = eventVerdict(error, chatId)
    if (verdict.kind === 'migrated') {
      if (chatId !== undefined) await this.#toMatrix.migrate(Number(chatId), verdict.to)
      return 0
    }
    const isCounted = verdict.kind !== 'again' || verdict.isCounted
    const isDead = verdict.kind === 'never' || (isCounted && stored.attempts + 1 >= MAX_ATTEMPTS)
    const note = { error: problemOf(error), isCounted, isDead }
    await database.transaction('matrix event failed', (tx) => noteEventFailure(tx, stored.event_id, note))
    this.#count('to_telegram', isDead ? 'dead' : 'again')
    log.warn({ event: stored.event_id, isDead, problem: problemOf(error) }, 'event not bridged')
    if (isDead) await this.#tell(stored, verdict.kind === 'never' ? verdict.why : 'Telegram is not reached')
    if (isDead) return undefined
    if (verdict.kind !== 'again' || verdict.ms === undefined) return this.#wait(stored.attempts)
    if (chatId !== undefined) this.#pace.pause(chatId, verdict.ms) // its other topics wait too
    return verdict.ms
  }

  async #portalOf({ room_id: roomId }: StoredEvent): Promise<{ chat_id: string } | undefined> {
    return await this.#parts.database.row<{ chat_id: string }>(
      'select chat_id from telegram_portals where room_id = ?',
      [roomId],
    )
  }

  /** People learn that it did not arrive, and why. */
  async #tell({ event_id: eventId, room_id: roomId }: StoredEvent, why: string): Promise<void> {
    const text = `Telegram did not take this: ${why}. !tg retry sends it again.`
    await this.#matrix.notice(roomId, text, `tg.failed.${eventId.slice(1)}`, eventId).catch(() => undefined) // it stays in the table
  }

  /** Once an hour: the homeserver makes one notice of those with the same transaction id. */
  async #tellOfLoss({ lane }: StoredUpdate): Promise<void> {
    const { database, clock } = this.#parts
    const portal = await findPortal(database, lane)
    if (portal?.state !== 'active') return
    const text = 'Telegram: something that was said or done there cannot be shown here.'
    const txnId = `tg.lost.${lane}.${Math.floor(clock.now() / LOSS_TOLD_MS)}`
    await this.#matrix.notice(portal.room_id, text, txnId).catch(() => undefined) // it stays in the table
  }

  #wait(attempts: number): number {
    return Math.min((this.#parts.retryMs ?? RETRY_MS) * 2 ** attempts, LONGEST_WAIT_MS)
  }
}

/**
 * What comes again however often it is tried: the homeserver refuses it, or we cannot work with what it holds. Failures of
 * fetch are TypeErrors too, but have a cause.
 */
const isHopeless = (error: unknown): boolean =>
  error instanceof OddError ||
  isRefusal(error) ||
  error instanceof URIError ||
  (error instanceof TypeError && error.cause === undefined)

/** `chatId` is where the room leads now: what is about messages of the group that it was before cannot be done. */
function eventVerdict(error: unknown, chatId: string | undefined): Verdict {
  if (isHopeless(error)) {
    return { kind: 'never', why: error instanceof OddError ? error.message : 'it cannot be sent there' }
  }
  const verdict = verdictOf(error)
  if (verdict.kind !== 'migrated' || String(verdict.to) !== chatId) return verdict
  return { kind: 'never', why: 'it is about something from before the group became a supergroup' }
}

/** Without the token, which is in addresses. */
const problemOf = (error: unknown): string => String(error).replace(/\/bot\d+:[\w-]+/g, '/bot…')

/** What Telegram offers when somebody types a slash. A bot without the list works too. */
async function showCommands({ sender }: Telegram): Promise<void> {
  try {
    await sender.setMyCommands({ commands: commandList('en') })
    await sender.setMyCommands({ commands: commandList('ru'), language_code: 'ru' })
  } catch (error) {
    log.warn({ problem: problemOf(error) }, 'list of commands not set')
  }
}
