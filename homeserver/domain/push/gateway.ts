/** Tells push gateways, and the push services of browsers. https://spec.matrix.org/v1.19/push-gateway-api/ */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { Json, JsonObject } from '../../core/event.ts'
import type { Fetched, Fetcher } from '../../platform/fetch.ts'
import { FetchError } from '../../platform/fetch-error.ts'
import { logger } from '../../platform/log.ts'
import type { Counter, Metrics } from '../../platform/metrics.ts'
import { NoSlotError, Slots } from '../../platform/slots.ts'
import type { SpanOptions, Tracing } from '../../platform/tracing.ts'

interface Request {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

/** `dropped`: the gateway will never take this one. `rejected`: the pushkey is good for nothing any more. */
export type GatewayAnswer = 'accepted' | 'dropped' | 'rejected' | 'failed'

/** Requests to one gateway at the same time, and those that may wait for their turn. */
const AT_ONCE = 10
const MAX_WAITING = 10_000
const TIMEOUT_MS = 20_000
const MAX_ANSWER_BYTES = 65_536

const log = logger('push')

export class Gateways {
  readonly #fetch: Fetcher
  readonly #tracing: Tracing
  readonly #slots = new Slots({ perKey: AT_ONCE, maxWaiting: MAX_WAITING })
  readonly #answers: Counter<'result'>

  constructor({ fetch, metrics, tracing }: { fetch: Fetcher; metrics: Metrics; tracing: Tracing }) {
    this.#fetch = fetch
    this.#tracing = tracing
    this.#answers = metrics.counter('push_requests_total', 'Requests to push gateways', ['result'])
  }

  /** Rejects only with the reason of `signal`. */
  async notify(
    { url, pushkey }: { readonly url: string; readonly pushkey: string },
    notification: JsonObject,
    signal: AbortSignal,
  ): Promise<GatewayAnswer> {
    const request = { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ notification }) }
    return await this.#ask(url, request, signal, ({ status, body }) => {
      if (status === 410) return 'rejected'
      return status < 300 && rejectedIn(body).includes(pushkey) ? 'rejected' : undefined
    })
  }

  /** To a push service. Rejects only with the reason of `signal`. https://www.rfc-editor.org/rfc/rfc8030#section-7.3 */
  async push(url: string, request: Request, signal: AbortSignal): Promise<GatewayAnswer> {
    return await this.#ask(url, request, signal, ({ status }) =>
      status === 404 || status === 410 || status === 403 ? 'rejected' : undefined,
    )
  }

  /** `judge` tells what is not the same for all. */
  async #ask(
    url: string,
    request: Request,
    signal: AbortSignal,
    judge: (answer: Fetched<Buffer>) => GatewayAnswer | undefined,
  ): Promise<GatewayAnswer> {
    const { host } = new URL(url) // it was one when the pusher was set
    const traced: SpanOptions = { kind: 'client', attributes: { 'server.address': host } }
    const result = await this.#slots
      .run(host, () => this.#tracing.span('push', traced, () => this.#send(url, request, signal, judge)), signal)
      .catch((error: unknown) => {
        if (signal.aborted || !(error instanceof FetchError || error instanceof NoSlotError)) throw error
        log.info({ gateway: host, error: error.message }, 'push gateway cannot be reached')
        return 'failed' as const
      })
    this.#answers.inc({ result })
    return result
  }

  async #send(
    url: string,
    request: Request,
    signal: AbortSignal,
    judge: (answer: Fetched<Buffer>) => GatewayAnswer | undefined,
  ): Promise<GatewayAnswer> {
    const answer = await this.#fetch(url, {
      method: 'POST',
      ...request,
      signal,
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
    })
    const { status } = answer
    const judged = judge(answer)
    if (judged) return judged
    if (status === 413) return 'dropped'
    if (status >= 200 && status < 300) return 'accepted'
    log.info({ gateway: new URL(url).host, status }, 'push gateway refuses')
    return 'failed'
  }
}

/** A gateway that says nothing of the kind rejects nothing. */
function rejectedIn(body: Buffer): readonly Json[] {
  try {
    const answer = JSON.parse(body.toString()) as Json
    const rejected = isJsonObject(answer) ? answer['rejected'] : undefined
    return Array.isArray(rejected) ? rejected : []
  } catch {
    return []
  }
}
