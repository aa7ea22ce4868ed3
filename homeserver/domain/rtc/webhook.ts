/** What the SFU tells of its own accord: who came and who went. https://docs.livekit.io/home/server/webhooks/ */
import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { MatrixError } from '../../core/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Background } from '../../platform/lifecycle.ts'
import { logger } from '../../platform/log.ts'
import { Lru } from '../../platform/lru.ts'
import type { Counter, Metrics } from '../../platform/metrics.ts'
import { type ApiKey, verifyJwt } from './jwt.ts'

const log = logger('calls')

const schema = z.object({
  id: z.string(),
  event: z.string(),
  room: z.object({ name: z.string() }).optional(),
  participant: z.object({ identity: z.string(), sid: z.string(), disconnectReason: z.string().optional() }).optional(),
})

export type SfuEvent = z.output<typeof schema>
/** Called in the background; may fail. */
export type SfuListener = (event: SfuEvent) => Promise<void>

/** The SFU repeats what was not taken at once. */
const MAX_REMEMBERED = 10_000

export class Webhooks {
  readonly #key: ApiKey
  readonly #clock: Clock
  readonly #background: Background
  readonly #listeners: readonly SfuListener[]
  readonly #seen = new Lru<string, true>(MAX_REMEMBERED)
  readonly #received: Counter<'result'>

  constructor(parts: {
    key: ApiKey
    clock: Clock
    background: Background
    metrics: Metrics
    listeners: readonly SfuListener[]
  }) {
    this.#key = parts.key
    this.#clock = parts.clock
    this.#background = parts.background
    this.#listeners = parts.listeners
    this.#received = parts.metrics.counter('call_webhooks_total', 'What the SFU told by webhooks', ['result'])
  }

  /**
   * Takes the bytes of a request's body as they came, with its header `Authorization`. What follows from it is done later.
   * Throws `M_UNAUTHORIZED` unless the SFU has signed it.
   */
  async receive(body: Buffer, authorization: string | undefined): Promise<void> {
    if (!(await this.#isSigned(body, authorization))) {
      this.#received.inc({ result: 'refused' })
      log.warn({}, 'webhook without a good signature: is its api_key that of calls.api_key?')
      throw new MatrixError(401, 'M_UNAUTHORIZED', 'The signature is not that of our SFU')
    }
    const event = eventIn(body)
    if (!event || this.#seen.has(event.id)) {
      this.#received.inc({ result: event ? 'repeated' : 'unknown' })
      return
    }
    this.#seen.set(event.id, true)
    this.#received.inc({ result: 'taken' })
    for (const listener of this.#listeners) this.#background.run('webhook of the SFU', () => listener(event))
  }

  async #isSigned(body: Buffer, authorization: string | undefined): Promise<boolean> {
    const claimed = (await verifyJwt(authorization ?? '', this.#key, this.#clock))?.['sha256']
    if (typeof claimed !== 'string') return false
    const [given, actual] = [Buffer.from(claimed, 'base64'), createHash('sha256').update(body).digest()]
    return given.length === actual.length && timingSafeEqual(given, actual)
  }
}

function eventIn(body: Buffer): SfuEvent | undefined {
  try {
    return schema.safeParse(JSON.parse(body.toString())).data
  } catch {
    return undefined
  }
}
