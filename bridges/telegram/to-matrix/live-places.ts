/** Places that move with somebody: told of now and then, and where they end. */
import type { Message } from 'node-telegram-bot-api'
import { Lru } from '../../../homeserver/platform/lru.ts'

const EVERY_SECONDS = 30
const MAX_PLACES = 1_000

export class LivePlaces {
  /** When the last one was let through, by chat and message, in Telegram's seconds. */
  readonly #told = new Lru<string, number>(MAX_PLACES)

  /** Whether this edit need not be told: a newer one follows, because the last of them is not live any more. */
  isTooSoon({ location, chat, message_id: id, date, edit_date: edited = date }: Message): boolean {
    if (location?.live_period === undefined) return false
    const key = `${chat.id} ${id}`
    if (edited - (this.#told.get(key) ?? date) < EVERY_SECONDS) return true
    this.#told.set(key, edited)
    return false
  }
}
