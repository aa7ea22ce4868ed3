/** One bot: the updates that wait for it, and how it takes them. */
import type { Update, User } from 'node-telegram-bot-api'
import type { Clock } from '../../../homeserver/platform/clock.ts'
import { conflict } from './problem.ts'

/** What a bot gets unless it asks for more. https://core.telegram.org/bots/api#getupdates */
const notByDefault = new Set(['chat_member', 'message_reaction', 'message_reaction_count'])

export interface Webhook {
  readonly url: string
  readonly secret: string | undefined
}

export class FakeBot {
  readonly token: string
  readonly user: User
  /** Reads all messages of groups, not only commands and replies. */
  readsAll = true
  webhook: Webhook | undefined
  /** By scope and language. */
  readonly commands = new Map<string, unknown[]>()
  readonly #clock: Clock
  #allowed: readonly string[] | undefined
  #queue: Update[] = []
  #nextId = 700_000_001
  #wake: (() => void)[] = []
  /** How often it was asked for updates. */
  polls = 0
  #delivering = false
  /** What the webhook answered, the last one last; undefined where it was not reached. */
  readonly answers: (number | undefined)[] = []

  constructor(token: string, user: User, clock: Clock) {
    this.token = token
    this.user = user
    this.#clock = clock
  }

  get waiting(): readonly Update[] {
    return this.#queue
  }

  set allowed(kinds: readonly string[] | undefined) {
    if (kinds) this.#allowed = kinds.length === 0 ? undefined : kinds
  }

  /** Puts an update in the queue, if the bot has asked for its kind. */
  tell(update: Omit<Update, 'update_id'>): void {
    const kind = Object.keys(update)[0] ?? ''
    const isWanted = this.#allowed ? this.#allowed.includes(kind) : !notByDefault.has(kind)
    if (!isWanted) return
    this.#queue.push({ update_id: this.#nextId++, ...update } as Update) // of one kind, as its key says
    this.#ring()
  }

  /** Puts the last update in the queue again, as Telegram does when it missed our answer. */
  repeat(update: Update): void {
    this.#queue.push(update)
    this.#ring()
  }

  /** Long polling: one request at a time, what is below `offset` is forgotten. */
  async poll(
    { offset, limit, timeout }: { offset: number; limit: number; timeout: number },
    signal: AbortSignal,
  ): Promise<Update[]> {
    if (this.webhook) {
      throw conflict(
        "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
      )
    }
    const mine = ++this.polls
    this.#ring()
    this.#queue = offset < 0 ? this.#queue.slice(offset) : this.#queue.filter(({ update_id: id }) => id >= offset)
    if (this.#queue.length === 0 && timeout > 0) await this.#wait(mine, timeout * 1000, signal)
    if (mine !== this.polls) {
      throw conflict('terminated by other getUpdates request; make sure that only one bot instance is running')
    }
    return this.#queue.slice(0, limit)
  }

  /** No more is told to the webhook. */
  close(): void {
    this.webhook = undefined
  }

  async #wait(mine: number, ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#clock.after(ms, resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
    if (signal.aborted) resolve()
    const look = (): void => {
      if (this.#queue.length > 0 || mine !== this.polls) resolve()
      else this.#wake.push(look)
    }
    look()
    await promise
    cancel()
  }

  #ring(): void {
    const wake = this.#wake
    this.#wake = []
    for (const fn of wake) fn()
    if (this.webhook && !this.#delivering) void this.deliver()
  }

  /** Posts what waits to the webhook, in order; what is not taken is tried again. */
  async deliver(): Promise<void> {
    this.#delivering = true
    for (let next = this.#queue[0]; next && this.webhook; next = this.#queue[0]) {
      const { url, secret } = this.webhook
      const headers = {
        'content-type': 'application/json',
        ...(secret === undefined ? {} : { 'x-telegram-bot-api-secret-token': secret }),
      }
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(next) }).catch(() => undefined)
      this.answers.push(answer?.status)
      if (answer?.ok === true) this.#queue = this.#queue.filter((update) => update !== next)
      else await this.#clock.sleep(50)
    }
    this.#delivering = false
  }
}
