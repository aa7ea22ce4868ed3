/**
 * Asks application services for the keys of users that are theirs alone, so that they need not store them here.
 * https://github.com/matrix-org/matrix-spec-proposals/pull/3983, https://github.com/matrix-org/matrix-spec-proposals/pull/3984
 */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { Json, JsonObject } from '../../core/event.ts'
import type { DeviceId, UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { FetchError } from '../../platform/fetch-error.ts'
import { Lru } from '../../platform/lru.ts'
import type { Claim, ClaimedKey } from '../../storage/one-time-keys.ts'
import { type Appservice, type Appservices, mayActAs, ownsUser } from '../accounts/appservices.ts'
import type { KeptKeys, KeyKeeper } from '../devices/hooks.ts'
import { keysIn, oneTimeKeysIn } from '../federation/device-lists/ask-keys.ts'
import type { AppserviceClient } from './client.ts'

export interface AppserviceKeysParts {
  readonly clock: Clock
  readonly appservices: Appservices
  readonly client: AppserviceClient
}

const paths = {
  claim: '/unstable/org.matrix.msc3983/keys/claim',
  query: '/unstable/org.matrix.msc3984/keys/query',
} as const

/** Somebody waits for the answer who wants to send something. */
const TIMEOUT_MS = 10_000
/** So long a service is left alone that does not know the question, or could not be reached. */
const UNKNOWN_MS = 3_600_000
const UNREACHABLE_MS = 60_000
const MAX_SERVICES = 1_000

export class AppserviceKeys implements KeyKeeper {
  readonly #parts: AppserviceKeysParts
  /** Until when a service is not asked one of the questions. */
  #silent = new Lru<string, number>(MAX_SERVICES)

  constructor(parts: AppserviceKeysParts) {
    this.#parts = parts
    parts.appservices.subscribe({
      reloaded: () => {
        this.#silent = new Lru(MAX_SERVICES) // a registration that was read anew may know more than before
      },
    })
  }

  keeps(userId: UserId): boolean {
    return this.#keeperOf(userId) !== undefined
  }

  async claim(claims: readonly Claim[]): Promise<readonly ClaimedKey[]> {
    const answers = [...Map.groupBy(claims, ({ userId }) => this.#keeperOf(userId))].map(async ([appservice, own]) => {
      const wanted: Record<UserId, Record<DeviceId, string[]>> = {}
      for (const { userId, deviceId, algorithm } of own) ((wanted[userId] ??= {})[deviceId] ??= []).push(algorithm)
      const answer = await this.#ask(appservice, 'claim', wanted)
      return answer ? oneTimeKeysIn(answer, own) : []
    })
    return (await Promise.all(answers)).flat()
  }

  async query(wanted: ReadonlyMap<UserId, readonly DeviceId[]>): Promise<KeptKeys> {
    const answers = [...Map.groupBy(wanted, ([userId]) => this.#keeperOf(userId))].map(async ([appservice, own]) => {
      const answer = await this.#ask(appservice, 'query', Object.fromEntries(own))
      return answer
        ? keysIn(
            answer,
            own.map(([userId]) => userId),
          )
        : []
    })
    const keys = (await Promise.all(answers)).flat()
    return {
      devices: keys.flatMap(({ devices }) => devices),
      crossSigning: keys.flatMap(({ crossSigning }) => crossSigning),
    }
  }

  #keeperOf(userId: UserId): Appservice | undefined {
    return this.#parts.appservices.all.find(
      (appservice) => appservice.url !== undefined && ownsUser(appservice, userId) && mayActAs(appservice, userId),
    )
  }

  async #ask(
    appservice: Appservice | undefined,
    question: keyof typeof paths,
    wanted: JsonObject,
  ): Promise<JsonObject | undefined> {
    const { client, clock } = this.#parts
    if (!appservice) return undefined
    const name = `${question} ${appservice.id}`
    if ((this.#silent.get(name) ?? 0) > clock.monotonic()) return undefined
    const leaveAlone = (ms: number): undefined => {
      this.#silent.set(name, clock.monotonic() + ms)
    }
    try {
      const { status, body } = await client.request(appservice, {
        method: 'POST',
        path: paths[question],
        body: JSON.stringify(wanted),
        timeoutMs: TIMEOUT_MS,
      })
      if (status === 404 || status === 405) return leaveAlone(UNKNOWN_MS)
      const answer = status === 200 ? (JSON.parse(body) as Json) : undefined
      return isJsonObject(answer) ? answer : undefined
    } catch (error) {
      if (error instanceof FetchError) return leaveAlone(UNREACHABLE_MS)
      if (error instanceof SyntaxError) return undefined
      throw error
    }
  }
}
