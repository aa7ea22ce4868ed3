/** One process at a time works for a bot: two would each have half of what it is told, and say things twice. */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../../homeserver/platform/clock.ts'
import { logger } from '../../homeserver/platform/log.ts'
import type { Database } from '../appservice/database.ts'
import { endLease, otherBot, takeLease } from './store/leases.ts'

const LEASE_MS = 15_000
const RENEW_MS = 5_000
const log = logger('telegram')

/** Another process works for the bot. When it ends, or has not been heard of for a while, this one may. */
export class LeaseHeldError extends Error {
  override name = 'LeaseHeldError'
}

/** The token is that of another bot, which is in none of the chats that are bridged. */
export class OtherBotError extends Error {
  override name = 'OtherBotError'
}

/** Throws `OtherBotError`. A bot that was here before, or before anything was bridged, is welcome. */
export async function checkBot(
  database: Database,
  { id, username }: { readonly id: string; readonly username: string },
): Promise<void> {
  const other = await otherBot(database, id)
  if (other === undefined) return
  throw new OtherBotError(
    `The token is that of @${username}, but rooms are bridged by @${other}: put its token back, or end those with !tg unbridge first`,
  )
}

export interface LeaseParts {
  readonly database: Database
  readonly clock: Clock
  readonly bot: { readonly id: string; readonly username: string }
  /** A name that no two processes can have at the same time: with it a process that was killed need not wait. */
  readonly holder?: string | undefined
}

export class Lease {
  readonly #database: Database
  readonly #clock: Clock
  readonly #bot: { readonly id: string; readonly username: string }
  readonly #holder: string

  constructor(parts: LeaseParts) {
    this.#holder = parts.holder ?? randomUUID()
    this.#database = parts.database
    this.#clock = parts.clock
    this.#bot = parts.bot
  }

  /** Throws `LeaseHeldError`. */
  async take(): Promise<void> {
    if (!(await this.#renew())) throw new LeaseHeldError(`another process works for @${this.#bot.username}`)
  }

  /** Resolves when another process has taken over, or `signal` is aborted. */
  async keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(RENEW_MS, signal).catch(() => undefined)
      if (signal.aborted) break
      // A database that does not answer keeps all others from the lease too.
      const isHeld = await this.#renew().catch(() => true)
      if (!isHeld) return log.error({ bot: this.#bot.username }, 'another process has taken over')
    }
  }

  /** The next process need not wait. */
  async end(): Promise<void> {
    const lease = { botId: this.#bot.id, holder: this.#holder }
    await this.#database.transaction('telegram lease', (tx) => endLease(tx, lease)).catch(() => undefined) // it ends by itself
  }

  async #renew(): Promise<boolean> {
    const now = this.#clock.now()
    const lease = { bot: this.#bot, holder: this.#holder, now, until: now + LEASE_MS }
    return await this.#database.transaction('telegram lease', (tx) => takeLease(tx, lease))
  }
}
