/** What becomes of an update or event that could not be passed on: it is tried again, parked, or given up and told of. */
import type { Clock } from '../../homeserver/platform/clock.ts'
import { logger } from '../../homeserver/platform/log.ts'
import { Lru } from '../../homeserver/platform/lru.ts'
import type { Database } from '../appservice/database.ts'
import type { Access } from './access.ts'
import { isRefusal, type Matrix } from './matrix.ts'
import type { BridgeMetrics } from './metrics.ts'
import { OddError } from './odd.ts'
import { type Pace, TooEarlyError } from './pace.ts'
import { noteEventFailure, type StoredEvent } from './store/events.ts'
import { findPortal, isHeard, portalOfRoom } from './store/portals.ts'
import { noteUpdateFailure, type StoredUpdate } from './store/updates.ts'
import { isUnreachable, type Verdict, verdictOf } from './telegram.ts'
import { TooLateError } from './to-telegram/lateness.ts'

const LONGEST_WAIT_MS = 15 * 60_000
const MAX_ATTEMPTS = 10
/** While the other side is not there at all, nothing is given up before this time. */
const PATIENCE_MS = 24 * 3600_000
const HOUR_MS = 3600_000
/** In a room; the others can be looked up. */
const TOLD_IN_AN_HOUR = 5
const MAX_ROOMS = 10_000
const log = logger('telegram')

export interface FailuresParts {
  readonly matrix: Matrix
  readonly database: Database
  readonly clock: Clock
  readonly pace: Pace
  readonly access: Access
  readonly metrics: BridgeMetrics
  readonly migrate: (from: number, to: number) => Promise<void>
  /** The first wait; then twice as long each time. */
  readonly retryMs: number
}

export class Failures {
  readonly #parts: FailuresParts
  /** How many losses were told of in a room since when. */
  readonly #told = new Lru<string, { readonly since: number; readonly count: number }>(MAX_ROOMS)

  constructor(parts: FailuresParts) {
    this.#parts = parts
  }

  /** Gives how long to wait, undefined for what was given up. */
  async ofUpdate(stored: StoredUpdate, error: unknown): Promise<number | undefined> {
    const { database, metrics } = this.#parts
    const limited = (error as { retryAfterMs?: number }).retryAfterMs
    const isNever = verdictOf(error).kind === 'never' || isHopeless(error)
    const isDead = limited === undefined && (isNever || this.#isOver(stored, error))
    const note = { error: problemOf(error), isCounted: limited === undefined, isDead }
    await database.transaction('telegram update failed', (tx) => noteUpdateFailure(tx, stored, note))
    metrics.bridged('to_matrix', isDead ? 'dead' : 'again')
    log.warn({ update: stored.update_id, isDead, problem: note.error }, 'update not bridged')
    if (isDead) await this.#tellOfUpdate(stored)
    return isDead ? undefined : (limited ?? this.#wait(stored.attempts))
  }

  /** Gives how long to wait, undefined for what was given up or parked. */
  async ofEvent(stored: StoredEvent, error: unknown): Promise<number | undefined> {
    if (error instanceof TooEarlyError) return error.ms
    const { database, metrics, migrate, pace, access } = this.#parts
    const portal = await portalOfRoom(database, stored.room_id)
    const verdict = eventVerdict(error, portal?.chat_id, stored.error)
    if (verdict.kind === 'migrated') {
      if (portal) await migrate(Number(portal.chat_id), verdict.to)
      return 0
    }
    if (verdict.kind === 'never' && portal && isAboutAccess(verdict.why)) {
      if (await access.isShutOut(portal, stored)) return undefined
    }
    const isCounted = verdict.kind !== 'again' || verdict.isCounted
    const isDead = verdict.kind === 'never' || (isCounted && this.#isOver(stored, error))
    const note = { error: verdict.kind === 'never' ? verdict.why : problemOf(error), isCounted, isDead }
    await database.transaction('matrix event failed', (tx) => noteEventFailure(tx, stored.event_id, note))
    metrics.bridged('to_telegram', isDead ? 'dead' : 'again')
    log.warn({ event: stored.event_id, isDead, problem: problemOf(error) }, 'event not bridged')
    if (isDead) await this.#tell(stored, verdict.kind === 'never' ? verdict.why : 'Telegram is not reached')
    if (isDead) return undefined
    if (verdict.kind !== 'again' || verdict.ms === undefined) return this.#wait(stored.attempts)
    if (portal) pace.pause(portal.chat_id, verdict.ms) // its other topics wait too
    return verdict.ms
  }

  #isOver({ attempts, received_at: at }: { attempts: number; received_at: number }, error: unknown): boolean {
    if (isUnreachable(error)) return this.#parts.clock.now() - at > PATIENCE_MS
    return attempts + 1 >= MAX_ATTEMPTS
  }

  /** People learn that it did not arrive, and why. */
  async #tell({ event_id: eventId, room_id: roomId }: StoredEvent, why: string): Promise<void> {
    const count = this.#countTold(roomId)
    if (count > TOLD_IN_AN_HOUR) return
    const text =
      count < TOLD_IN_AN_HOUR
        ? `Telegram did not take this: ${plainly(why)}. !tg retry sends it again.`
        : `Telegram did not take this either: ${plainly(why)}. Of further ones nothing is told for a while: !tg dead lists them.`
    await this.#parts.matrix.notice(roomId, text, `tg.failed.${eventId.slice(1)}`, eventId).catch(() => undefined) // it stays in the table
  }

  #countTold(roomId: string): number {
    const now = this.#parts.clock.monotonic()
    const before = this.#told.get(roomId)
    const { since, count } = before && now - before.since < HOUR_MS ? before : { since: now, count: 0 }
    this.#told.set(roomId, { since, count: count + 1 })
    return count + 1
  }

  /** Once an hour: the homeserver makes one notice of those with the same transaction id. */
  async #tellOfUpdate({ lane }: StoredUpdate): Promise<void> {
    const { database, clock, matrix } = this.#parts
    const portal = await findPortal(database, lane)
    if (!isHeard(portal)) return
    const text = 'Telegram: something that was said or done there cannot be shown here.'
    const txnId = `tg.lost.${lane}.${Math.floor(clock.now() / HOUR_MS)}`
    await matrix.notice(portal.room_id, text, txnId).catch(() => undefined) // it stays in the table
  }

  #wait(attempts: number): number {
    return Math.min(this.#parts.retryMs * 2 ** attempts, LONGEST_WAIT_MS)
  }
}

/**
 * What comes again however often it is tried: the homeserver refuses it, or we cannot work with what it holds. Failures of
 * fetch are TypeErrors too, but have a cause.
 */
const isHopeless = (error: unknown): boolean =>
  error instanceof OddError ||
  error instanceof TooLateError ||
  isRefusal(error) ||
  error instanceof URIError ||
  (error instanceof TypeError && error.cause === undefined)

/**
 * `chatId` is where the room leads now: what is about messages of the group that it was before cannot be done. It may have
 * moved while the event was on its way, so that is known only when the same is `before`, why it failed the last time.
 */
function eventVerdict(error: unknown, chatId: string | undefined, before: string | null): Verdict {
  if (isHopeless(error)) {
    const isKnown = error instanceof OddError || error instanceof TooLateError
    return { kind: 'never', why: isKnown ? error.message : 'it cannot be sent there' }
  }
  const verdict = verdictOf(error)
  if (verdict.kind !== 'migrated' || String(verdict.to) !== chatId) return verdict
  if (before !== problemOf(error)) return { kind: 'again', isCounted: true }
  return { kind: 'never', why: 'it is about something from before the group became a supergroup' }
}

/** The chat is gone for the bot, or it may not write there. What Telegram says is the same for less than that. */
const isAboutAccess = (why: string): boolean =>
  /^Forbidden|chat not found|not enough rights to send|CHAT_WRITE_FORBIDDEN|have no rights to send|administrator rights in the channel/i.test(
    why,
  )

/** What people are told where Telegram's own words say nothing to them. */
const words: readonly (readonly [RegExp, string])[] = [
  [/TOPIC_CLOSED/, 'the topic is closed'],
  [/message thread not found|TOPIC_DELETED/, 'the topic is not there any more'],
  [/not enough rights|CHAT_ADMIN_REQUIRED/, 'the bot may not do that in the group'],
]

const plainly = (why: string): string => words.find(([form]) => form.test(why))?.[1] ?? why

/** Without the token, which is in addresses. */
export const problemOf = (error: unknown): string => String(error).replace(/\/bot\d+:[\w-]+/g, '/bot…')
