/** What the bot is to hear of the pages. It asks for it, and waits, so nobody needs to know where the bot is. */
import type { TelegramEvent } from '../../core/telegram-login.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database, Tx } from '../../storage/database.ts'
import { addEvent, listEvents, removeEvents } from '../../storage/telegram-people.ts'

type NewEvent = TelegramEvent extends infer One ? (One extends unknown ? Omit<One, 'id' | 'tg_user'> : never) : never

const MAX_EVENTS = 100

export class BotEvents {
  readonly #database: Database
  readonly #clock: Clock
  #waiting: (() => void)[] = []

  constructor({ database, clock }: { database: Database; clock: Clock }) {
    this.#database = database
    this.#clock = clock
  }

  async add(tx: Tx, tgUser: string, event: NewEvent): Promise<void> {
    await addEvent(tx, tgUser, JSON.stringify(event), this.#clock.now())
    tx.onCommit(() => this.#ring())
  }

  /** Forgets the events up to `after`, and waits for one beyond it, until the time is over or `signal` is aborted. */
  async poll(
    after: number,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<TelegramEvent[]> {
    await this.#database.transaction('forget events', (tx) => removeEvents(tx, after))
    const bell = this.#bell()
    const found = await this.#list(after)
    if (found.length > 0 || timeoutMs === 0) return found
    const over = new AbortController()
    const stop = AbortSignal.any([signal, over.signal])
    await Promise.race([bell, this.#clock.sleep(timeoutMs, stop).catch(() => undefined)])
    over.abort()
    return await this.#list(after)
  }

  async #list(after: number): Promise<TelegramEvent[]> {
    const stored = await listEvents(this.#database, after, MAX_EVENTS)
    return stored.map(({ id, tgUser, event }) => ({
      id,
      tg_user: tgUser,
      ...(JSON.parse(event) as NewEvent), // written by `add`
    }))
  }

  /** Rings at the next event. */
  #bell(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #ring(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
