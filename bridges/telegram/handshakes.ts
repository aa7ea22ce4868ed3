/** Two sides agree that a room and a chat are joined: who asks on one gets a code, who may say yes on the other says it there. */
import { randomInt } from 'node:crypto'
import type { Clock } from '../../homeserver/platform/clock.ts'
import type { Database } from '../appservice/database.ts'
import { addHandshake, type Handshake, takeHandshake } from './store/portals.ts'

const CODE_MS = 10 * 60_000
/** Without letters and digits that look alike. */
const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'

export type Side = 'matrix' | 'telegram'

export class Handshakes {
  readonly #database: Database
  readonly #clock: Clock

  constructor({ database, clock }: { database: Database; clock: Clock }) {
    this.#database = database
    this.#clock = clock
  }

  /** A code that is good once, for ten minutes. */
  async offer(from: Omit<Handshake, 'expires_at'>): Promise<string> {
    const code = Array.from({ length: 8 }, () => LETTERS[randomInt(LETTERS.length)]).join('')
    const handshake = { ...from, expires_at: this.#clock.now() + CODE_MS }
    await this.#database.transaction('telegram handshake', (tx) => addHandshake(tx, code, handshake))
    return code
  }

  /** Who has offered it, undefined where the code is not good, or was made on the side where it is said now. */
  async accept(code: string, madeIn: Side): Promise<Handshake | undefined> {
    const now = this.#clock.now()
    return await this.#database.transaction('telegram handshake', (tx) =>
      takeHandshake(tx, code.toUpperCase(), { now, madeIn }),
    )
  }
}
