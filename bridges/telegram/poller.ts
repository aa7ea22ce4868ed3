/** Takes updates by long polling. They are on disk, with the place after them, before Telegram may forget them. */
import { setTimeout as pause } from 'node:timers/promises'
import { TelegramApiError, type Update } from 'node-telegram-bot-api'
import type { Clock } from '../../homeserver/platform/clock.ts'
import { logger } from '../../homeserver/platform/log.ts'
import type { Database } from '../appservice/database.ts'
import { objectOf, stringOf } from '../appservice/json.ts'
import { addUpdates, countUpdates, nextUpdateOf } from './store/updates.ts'
import type { BridgeMetrics } from './metrics.ts'
import type { Telegram } from './telegram.ts'

/** Some come only to who asks for them by name. */
export const updateKinds = [
  'message',
  'edited_message',
  'channel_post',
  'edited_channel_post',
  'message_reaction',
  'message_reaction_count',
  'callback_query',
  'poll',
  'poll_answer',
  'my_chat_member',
  'chat_member',
]
const POLL_SECONDS = 50
/** More than this waits with Telegram, which keeps it for a day. */
const MAX_WAITING = 5_000
/** No id is as long. */
const MAX_LANE = 100
const log = logger('telegram')

export interface PollerParts {
  readonly telegram: Telegram
  readonly database: Database
  readonly clock: Clock
  readonly bot: { readonly id: string; readonly username: string }
  readonly retryMs: number
  readonly metrics: BridgeMetrics
  readonly arrived: (lanes: ReadonlySet<string>) => void
}

export class Poller {
  readonly #parts: PollerParts
  /** False after a failure, until a poll works again. */
  isHealthy = true

  constructor(parts: PollerParts) {
    this.#parts = parts
  }

  /** Resolves when `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, retryMs } = this.#parts
    let wait = retryMs
    while (!signal.aborted) {
      try {
        await this.#poll(signal)
        this.isHealthy = true
        wait = retryMs
      } catch (error) {
        if (signal.aborted) return
        this.isHealthy = false
        await this.#explain(error)
        await clock.sleep(wait, signal).catch(() => undefined)
        wait = Math.min(wait * 2, 30_000)
      }
    }
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { telegram, database, clock, bot } = this.#parts
    if ((await countUpdates(database)).waiting > MAX_WAITING) return await clock.sleep(1_000, signal)
    const began = clock.monotonic()
    const offset = await nextUpdateOf(database, bot.id)
    const asked = { offset, limit: 100, timeout: POLL_SECONDS, allowed_updates: updateKinds }
    const updates = await telegram.sender.getUpdates(asked, signal)
    if (updates.length === 0) {
      if (clock.monotonic() - began < 200) await pause(200, undefined, { signal })
      return
    }
    await keepUpdates(this.#parts, updates)
  }

  async #explain(error: unknown): Promise<void> {
    if (!(error instanceof TelegramApiError)) return log.warn({ problem: String(error) }, 'Telegram is not reached')
    log.error({ code: error.errorCode, problem: error.description }, 'Telegram gives no updates')
    if (error.errorCode === 409 && error.description.includes('webhook')) {
      await this.#parts.telegram.sender.deleteWebhook().catch(() => undefined) // the next poll tells whether it worked
    }
  }
}

/** Resolves when they are on disk, with the place after them. */
export async function keepUpdates(
  { database, bot, clock, arrived, metrics }: Pick<PollerParts, 'database' | 'bot' | 'clock' | 'arrived' | 'metrics'>,
  updates: readonly Update[],
): Promise<void> {
  const rows = updates.map((update) => ({ id: update.update_id, lane: laneOf(update), json: JSON.stringify(update) }))
  await database.transaction('telegram updates', (tx) => addUpdates(tx, bot, rows, clock.now()))
  metrics.heardAt(Math.floor(clock.now() / 1000))
  for (const update of updates) metrics.updated(kindOf(update))
  arrived(new Set(rows.map(({ lane }) => lane)))
}

/** Of kinds that nobody asked for there may be any number. */
const kindOf = (update: Update): string => updateKinds.find((kind) => kind in update) ?? 'other'

/** What belongs to a chat goes in order; a vote has no chat, so its poll stands for it. Whatever is in the update, it has one. */
export const laneOf = (update: Update): string => orderOf(update).replaceAll('\0', '').slice(0, MAX_LANE)

function orderOf(update: Update): string {
  if ('poll_answer' in update) return `poll ${stringOf(objectOf(update.poll_answer)['poll_id'])}`
  if ('poll' in update) return `poll ${stringOf(objectOf(update.poll)['id'])}`
  if ('callback_query' in update)
    return String(update.callback_query?.message?.chat?.id ?? update.callback_query?.from?.id)
  const chats = Object.values(update).map((value) => objectOf(objectOf(value)['chat'])['id'])
  return String(chats.find((id) => typeof id === 'number') ?? '')
}
