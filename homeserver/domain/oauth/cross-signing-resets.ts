/**
 * A client with OAuth cannot ask for the password: its user says on the account page that the cross-signing keys may be
 * replaced. https://spec.matrix.org/v1.19/client-server-api/#oauth-authentication
 */
import { randomBytes } from 'node:crypto'
import { UiaRequired } from '../../core/errors.ts'
import type { UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import { allowCrossSigningReset, mayResetCrossSigning, takeCrossSigningReset } from '../../storage/oauth.ts'

/** How long somebody has to go back to the client. */
const ALLOWED_MS = 10 * 60_000
/** The stage of the specification, and how it was called before. */
const stages = ['m.oauth', 'org.matrix.cross_signing_reset']

export class CrossSigningResets {
  readonly #database: Database
  readonly #clock: Clock
  /** The page to say so. */
  readonly #url: string

  constructor({ database, clock, url }: { database: Database; clock: Clock; url: string }) {
    this.#database = database
    this.#clock = clock
    this.#url = url
  }

  async allow(userId: UserId): Promise<void> {
    const expiresTs = this.#clock.steady() + ALLOWED_MS
    await this.#database.transaction('allow cross-signing reset', (tx) => allowCrossSigningReset(tx, userId, expiresTs))
  }

  /** Throws `UiaRequired` with the page's address until it is allowed. */
  async require(userId: UserId): Promise<void> {
    if (await mayResetCrossSigning(this.#database, userId, this.#clock.steady())) return
    throw new UiaRequired({
      // clients want one; the permission is the user's, for whichever of the clients comes first
      session: randomBytes(24).toString('base64url'),
      flows: stages.map((stage) => ({ stages: [stage] })),
      params: Object.fromEntries(stages.map((stage) => [stage, { url: this.#url }])),
    })
  }

  /** After the keys have been replaced. */
  async useUp(userId: UserId): Promise<void> {
    const now = this.#clock.steady()
    await this.#database.transaction('use up cross-signing reset', (tx) => takeCrossSigningReset(tx, userId, now))
  }
}
