/**
 * How fast messages go to Telegram: slowly enough that it does not refuse them. It takes about 30 in a second of a bot, 20 in
 * a minute for a group, one in a second for a person. https://core.telegram.org/bots/faq#my-bot-is-hitting-limits
 */
import type { Clock } from '../../homeserver/platform/clock.ts'
import { Lru } from '../../homeserver/platform/lru.ts'

/** A message whose time has not come. */
export class TooEarlyError extends Error {
  override name = 'TooEarlyError'
  /** How long to wait. */
  readonly ms: number

  constructor(ms: number) {
    super(`Not before ${ms} ms are over`)
    this.ms = ms
  }
}

interface Rate {
  /** Milliseconds from one to the next. */
  readonly every: number
  /** How many may go at once after a rest. */
  readonly burst: number
}

const forBot: Rate = { every: 34, burst: 10 }
const forPerson: Rate = { every: 1000, burst: 3 }
const GROUP_BURST = 5
/** Chats of which more than these spoke since are at rest, or as good as. */
const MAX_CHATS = 10_000

export class Pace {
  readonly #clock: Clock
  readonly #forGroup: Rate
  /** When all that was sent would be through at the even rate. */
  #bot = -Infinity
  readonly #chats = new Lru<string, number>(MAX_CHATS)

  constructor({ clock, groupPerMinute }: { clock: Clock; groupPerMinute: number }) {
    this.#clock = clock
    this.#forGroup = { every: 60_000 / groupPerMinute, burst: GROUP_BURST }
  }

  /**
   * Counts a message to this chat, and gives how long to wait before it is sent, because of all the others. Throws
   * `TooEarlyError` where its own chat has to wait, and then counts nothing.
   */
  take(chatId: string): number {
    const now = this.#clock.monotonic()
    const rate = chatId.startsWith('-') ? this.#forGroup : forPerson
    const chat = next(this.#chats.get(chatId), rate, now)
    if (chat.wait > 0) throw new TooEarlyError(Math.ceil(chat.wait))
    const bot = next(this.#bot, forBot, now)
    this.#chats.set(chatId, chat.through)
    this.#bot = bot.through
    return Math.max(0, Math.ceil(bot.wait))
  }

  /** Telegram has refused a message to this chat for so long; after that they go one by one. */
  pause(chatId: string, ms: number): void {
    const { every, burst } = chatId.startsWith('-') ? this.#forGroup : forPerson
    this.#chats.set(chatId, this.#clock.monotonic() + ms + (burst - 1) * every)
  }
}

/** https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm */
function next(before = -Infinity, { every, burst }: Rate, now: number): { wait: number; through: number } {
  return { wait: before - (burst - 1) * every - now, through: Math.max(before, now) + every }
}
