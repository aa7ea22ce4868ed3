/** Tokens by which a user shows another service who they are. https://spec.matrix.org/v1.19/client-server-api/#openid */
import { randomBytes } from 'node:crypto'
import { unknownToken } from '../../core/errors.ts'
import type { UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import { addOpenIdToken, findOpenIdToken, removeOpenIdTokens } from '../../storage/openid-tokens.ts'
import { maxOpenIdTokens } from '../limits.ts'
import type { Departure } from './hooks.ts'
import { hashToken } from './session-token.ts'

const LIFETIME_MS = 3_600_000

export class OpenIdTokens implements Departure {
  readonly #database: Database
  readonly #clock: Clock

  constructor({ database, clock }: { database: Database; clock: Clock }) {
    this.#database = database
    this.#clock = clock
  }

  async issue(userId: UserId): Promise<{ readonly token: string; readonly expiresInMs: number }> {
    const token = `dmvo_${randomBytes(32).toString('base64url')}`
    const now = this.#clock.steady()
    const row = { hash: hashToken(token), userId, expiresTs: now + LIFETIME_MS }
    await this.#database.transaction('issue OpenID token', (tx) =>
      addOpenIdToken(tx, row, { keep: maxOpenIdTokens, now }),
    )
    return { token, expiresInMs: LIFETIME_MS }
  }

  /** Whose token it is. Throws `M_UNKNOWN_TOKEN`. */
  async userOf(token: string): Promise<UserId> {
    const found = await findOpenIdToken(this.#database, hashToken(token))
    if (!found || found.expiresTs <= this.#clock.steady()) throw unknownToken({ soft: false })
    return found.userId
  }

  /** Who has left shows nobody anything. */
  async leave(userId: UserId): Promise<void> {
    await this.#database.transaction('remove OpenID tokens', (tx) => removeOpenIdTokens(tx, userId))
  }
}
