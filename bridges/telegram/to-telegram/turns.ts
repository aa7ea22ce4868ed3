/** Who spoke last in each chat, so that names need not stand before each message of the same person. */
import type { Clock } from '../../../homeserver/platform/clock.ts'
import { Lru } from '../../../homeserver/platform/lru.ts'

const TURN_MS = 2 * 60_000
const MAX_CHATS = 10_000

interface Turn {
  /** A Matrix user, undefined for somebody in Telegram. */
  readonly sender: string | undefined
  readonly messageId: number
  readonly at: number
}

export class Turns {
  readonly #clock: Clock
  readonly #last = new Lru<string, Turn>(MAX_CHATS)

  constructor({ clock }: { clock: Clock }) {
    this.#clock = clock
  }

  /** Whether the last message of the chat, not long ago, was theirs. */
  isOf(chatId: string, sender: string): boolean {
    const last = this.#last.get(chatId)
    return last?.sender === sender && this.#clock.monotonic() - last.at < TURN_MS
  }

  /** A message is in the chat: of this Matrix user, or else of somebody in Telegram. Later ones may be known already. */
  take(chatId: string, messageId: number, sender?: string): void {
    if ((this.#last.get(chatId)?.messageId ?? 0) > messageId) return
    this.#last.set(chatId, { sender, messageId, at: this.#clock.monotonic() })
  }
}
