/** People of Telegram who are linked with an account here: what they say there, they say here as themselves. */
import { Lru } from '../../homeserver/platform/lru.ts'
import type { AccountAnswer } from '../../homeserver/core/telegram-login.ts'
import type { Choices } from './choices.ts'
import { isElsewhere, type Matrix } from './matrix.ts'

const MAX_KNOWN = 10_000

export class Puppets {
  readonly #matrix: Matrix
  readonly #choices: Choices
  /** By Telegram's id; null for those who are not linked. */
  readonly #known = new Lru<string, string | null>(MAX_KNOWN)
  /** By Matrix user. */
  readonly #telegramIds = new Lru<string, string | null>(MAX_KNOWN)
  /** Counts what was forgotten, so that an answer from before is not kept after it. */
  #changes = 0

  constructor({ matrix, choices }: { matrix: Matrix; choices: Choices }) {
    this.#matrix = matrix
    this.#choices = choices
  }

  /** The Matrix user whom this id of Telegram is linked with, if they wish to be themselves. */
  async of(tgUser: string): Promise<string | undefined> {
    if ((await this.#choices.of(tgUser)).is_puppet === 0) return undefined
    const known = this.#known.get(tgUser)
    if (known !== undefined) return known ?? undefined
    const changes = this.#changes
    const userId = (await this.#ask({ tg_user: tgUser }))?.user_id
    if (changes === this.#changes) this.#known.set(tgUser, userId ?? null)
    return userId
  }

  /** Telegram's id of a user of this server who is linked. */
  async telegramIdOf(userId: string): Promise<string | undefined> {
    if (!this.#matrix.isLocal(userId)) return undefined
    const known = this.#telegramIds.get(userId)
    if (known !== undefined) return known ?? undefined
    const changes = this.#changes
    const answer = await this.#ask({ user_id: userId })
    if (changes === this.#changes) this.#telegramIds.set(userId, answer?.tg_user ?? null)
    return answer?.tg_user
  }

  /** The same, asked anew: who may do something is not told from memory. */
  async telegramIdNow(userId: string): Promise<string | undefined> {
    return this.#matrix.isLocal(userId) ? (await this.#ask({ user_id: userId }))?.tg_user : undefined
  }

  /** A link was made, or is over. */
  forget(tgUser: string): void {
    this.#changes++
    this.#known.delete(tgUser)
    this.#telegramIds.clear()
  }

  async #ask(by: { tg_user: string } | { user_id: string }): Promise<AccountAnswer | undefined> {
    try {
      return (await this.#matrix.internal('account', by)) as unknown as AccountAnswer
    } catch (error) {
      if (isElsewhere(error)) return undefined // other homeservers have no links
      throw error
    }
  }
}
