/** Profiles of other servers' users. https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1queryprofile */
import { MatrixError } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import { isUserId, serverNameOf, type UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { Lru } from '../../platform/lru.ts'
import type { RemoteProfiles } from '../accounts/hooks.ts'
import { maxProfileBytes } from '../limits.ts'
import { type FederationClient, federationPath } from './client.ts'

const KEEP_MS = 5 * 60_000
/** Characters of JSON. */
const MAX_KEPT = 8 * 1024 * 1024
const TIMEOUT_MS = 10_000

type Profile = Awaited<ReturnType<RemoteProfiles['find']>>

export class FederatedProfiles implements RemoteProfiles {
  readonly #client: FederationClient
  readonly #clock: Clock
  readonly #kept = new Lru<UserId, { readonly profile: Profile; readonly until: number }>(
    MAX_KEPT,
    ({ profile }, userId) => userId.length + JSON.stringify(profile ?? null).length,
  )

  constructor({ client, clock }: { client: FederationClient; clock: Clock }) {
    this.#client = client
    this.#clock = clock
  }

  /** Throws `FederationError` if the server cannot be asked. */
  async find(userId: string): Promise<Profile> {
    if (!isUserId(userId)) return undefined
    const now = this.#clock.monotonic()
    const kept = this.#kept.get(userId)
    if (kept && kept.until > now) return kept.profile
    const profile = await this.#ask(userId)
    this.#kept.set(userId, { profile, until: now + KEEP_MS })
    return profile
  }

  async #ask(userId: UserId): Promise<Profile> {
    const call = { query: { user_id: userId }, maxBytes: 2 * maxProfileBytes, timeoutMs: TIMEOUT_MS }
    try {
      return fieldsOf(await this.#client.get(serverNameOf(userId), federationPath`/v1/query/profile`, call))
    } catch (error) {
      if (error instanceof MatrixError && error.errcode === 'M_NOT_FOUND') return undefined
      throw error
    }
  }
}

/** Without what is not set, and without names and pictures that are no texts. */
function fieldsOf(answer: JsonObject): NonNullable<Profile> {
  const texts = new Set(['displayname', 'avatar_url'])
  const usable = Object.entries(answer).flatMap(([key, value]) =>
    value === null || value === undefined || (texts.has(key) && typeof value !== 'string')
      ? []
      : [[key, value] as const],
  )
  return Object.fromEntries(usable)
}
