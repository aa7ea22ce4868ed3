/**
 * Linking that begins in Telegram: `/link` gives a code there, and `!tg link CODE` in Matrix says who it was. Somebody may
 * have been talked into saying a stranger's code, so they are told whom it lets in, and are asked.
 */
import { createHash, randomInt } from 'node:crypto'
import type { LinkAnswer, TelegramPerson } from '../../homeserver/core/telegram-login.ts'
import type { Clock } from '../../homeserver/platform/clock.ts'
import { Lru } from '../../homeserver/platform/lru.ts'
import type { Database } from '../appservice/database.ts'
import type { Matrix } from './matrix.ts'
import { addLinkCode, findLinkCode, removeLinkCode } from './store/link-codes.ts'
import { textsFor } from './texts.ts'

const CODE_MS = 10 * 60_000
/** Without letters and digits that look alike. */
const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'
/** Of one Matrix user, in an hour. */
const MAX_TRIES = 5
const HOUR_MS = 3600_000

export class LinkCodes {
  readonly #matrix: Matrix
  readonly #database: Database
  readonly #clock: Clock
  readonly #tries = new Lru<string, { readonly since: number; readonly count: number }>(10_000)

  constructor({ matrix, database, clock }: { matrix: Matrix; database: Database; clock: Clock }) {
    this.#matrix = matrix
    this.#database = database
    this.#clock = clock
  }

  /** For somebody who asks in their private chat with the bot: good once, for ten minutes. */
  async make(person: TelegramPerson): Promise<string> {
    const letters = Array.from({ length: 8 }, () => LETTERS[randomInt(LETTERS.length)]).join('')
    const now = this.#clock.now()
    const row = { hash: hashOf(letters), person: JSON.stringify(person), now, until: now + CODE_MS }
    await this.#database.transaction('telegram link code', (tx) => addLinkCode(tx, row))
    return `${letters.slice(0, 4)}-${letters.slice(4)}`
  }

  /** What to answer to whoever says the code in Matrix; only with `isSure` they are linked. */
  async say(userId: string, code: string, isSure: boolean): Promise<string> {
    if (!this.#mayTry(userId)) return 'Too many tries. Wait an hour.'
    const hash = hashOf(code.toUpperCase().replaceAll('-', ''))
    const text = await findLinkCode(this.#database, hash, this.#clock.now())
    if (text === undefined) return 'This code is wrong or too old. Write /link to the bot in Telegram for a new one.'
    const person = JSON.parse(text) as TelegramPerson // as `make` wrote it
    const name = [person.first_name, person.last_name].filter(Boolean).join(' ')
    const who = `${name}${person.username ? ` (@${person.username})` : ''}, user ${person.id} in Telegram`
    if (!isSure) return `This lets ${who}, log in to your account. If that is you: !tg link ${code} yes`
    if (!(await this.#database.transaction('telegram link code', (tx) => removeLinkCode(tx, hash)))) return 'Too late.'
    const answer = await this.#link(userId, person)
    if (answer.kind === 'refused') return textsFor('en').refusals[answer.reason]
    return `You are linked with ${who}.`
  }

  async #link(userId: string, person: TelegramPerson): Promise<LinkAnswer> {
    const { nonce } = await this.#matrix.internal('link/start', { user_id: userId })
    const opened = (await this.#matrix.internal('link/open', { person, nonce })) as unknown as LinkAnswer
    if (opened.kind === 'refused') return opened
    return (await this.#matrix.internal('link/confirm', { tg_user: person.id, nonce })) as unknown as LinkAnswer
  }

  #mayTry(userId: string): boolean {
    const now = this.#clock.monotonic()
    const before = this.#tries.get(userId)
    const { since, count } = before && now - before.since < HOUR_MS ? before : { since: now, count: 0 }
    this.#tries.set(userId, { since, count: count + 1 })
    return count < MAX_TRIES
  }
}

const hashOf = (letters: string): string => createHash('sha256').update(letters).digest('hex')
