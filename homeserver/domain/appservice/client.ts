/** Requests to application services. https://spec.matrix.org/v1.19/application-service-api/#homeserver---application-service-api */
import { MatrixError } from '../../core/errors.ts'
import type { Json } from '../../core/event.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Dns } from '../../platform/dns.ts'
import { createFetcher, type Fetcher } from '../../platform/fetch.ts'
import { FetchError } from '../../platform/fetch-error.ts'
import { noTracing, type Tracing } from '../../platform/tracing.ts'
import type { Appservice } from '../accounts/appservices.ts'

export interface AppserviceAnswer {
  readonly status: number
  readonly body: string
}

export interface AppserviceRequest {
  readonly method: 'GET' | 'PUT' | 'POST'
  /** Below `/_matrix/app`, with its version. */
  readonly path: string
  readonly query?: URLSearchParams
  /** JSON text. */
  readonly body?: string
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

/** What a request is answered with may be as long as a directory of bridged rooms. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024
const TIMEOUT_MS = 30_000

/**
 * The way to each application service. Its address was chosen by the admin, so it may be anywhere: on this machine, in
 * the private network, at a Unix socket.
 */
export class AppserviceClient {
  readonly #clock: Clock
  readonly #web: Fetcher
  readonly #tracing: Tracing
  /** By their paths. */
  readonly #sockets = new Map<string, Fetcher>()

  constructor({ clock, dns, tracing = noTracing }: { clock: Clock; dns: Dns; tracing?: Tracing }) {
    this.#clock = clock
    this.#tracing = tracing
    this.#web = createFetcher({ deny: [], clock, resolve: (host) => dns.addresses(host) })
  }

  /**
   * Any status is an answer. Rejects with `FetchError`, with the reason of `signal`, and with `M_URL_NOT_SET` for a
   * service that is not to be asked anything.
   */
  async request(appservice: Appservice, request: AppserviceRequest): Promise<AppserviceAnswer> {
    const { url } = appservice
    if (url === undefined) throw urlNotSet()
    const attributes = { 'domovoi.appservice.id': appservice.id }
    return await this.#tracing.span(nameOf(request), { kind: 'client', attributes }, ({ traceparent }) =>
      this.#request(url, appservice, request, traceparent),
    )
  }

  async #request(
    url: string,
    appservice: Appservice,
    request: AppserviceRequest,
    traceparent: string | undefined,
  ): Promise<AppserviceAnswer> {
    const hsToken = appservice.hsToken.reveal()
    const { fetch, base } = this.#wayTo(url)
    const query = new URLSearchParams(request.query)
    if (appservice.usesLegacyAuthorization) query.set('access_token', hsToken)
    const search = query.size > 0 ? `?${query.toString()}` : ''
    const { status, body } = await fetch(`${base}/_matrix/app${request.path}${search}`, {
      method: request.method,
      headers: {
        authorization: `Bearer ${hsToken}`,
        ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(traceparent === undefined ? {} : { traceparent }),
      },
      timeoutMs: request.timeoutMs ?? TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
      ...(request.body === undefined ? {} : { body: request.body }),
      ...(request.signal ? { signal: request.signal } : {}),
    })
    return { status, body: body.toString() }
  }

  /** The JSON of an answer with status 200; undefined for any other one, and for a service that cannot be reached. */
  async ask(appservice: Appservice, request: AppserviceRequest): Promise<Json | undefined> {
    try {
      const { status, body } = await this.request(appservice, request)
      return status === 200 ? (JSON.parse(body) as Json) : undefined
    } catch (error) {
      if (error instanceof FetchError || error instanceof SyntaxError || error instanceof MatrixError) return undefined
      throw error
    }
  }

  /** Closes all connections. */
  close(): void {
    this.#web.close()
    for (const fetch of this.#sockets.values()) fetch.close()
    this.#sockets.clear()
  }

  #wayTo(url: string): { fetch: Fetcher; base: string } {
    if (!url.startsWith('unix:')) return { fetch: this.#web, base: url.replace(/\/+$/, '') }
    const socketPath = url.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
    const fetch = this.#sockets.get(socketPath) ?? createFetcher({ socketPath, clock: this.#clock })
    this.#sockets.set(socketPath, fetch)
    return { fetch, base: 'http://localhost' }
  }
}

/** What is asked, without the ids in the path. */
const nameOf = ({ method, path }: AppserviceRequest): string => `${method} /_matrix/app${path.split('/', 3).join('/')}`

/** Says to clients that a request did not arrive, or was not answered. */
export function unreachable(cause: unknown): never {
  if (!(cause instanceof FetchError)) throw cause
  throw cause.failure === 'timeout'
    ? new MatrixError(504, 'M_CONNECTION_TIMEOUT', 'The application service did not answer in time', { cause })
    : new MatrixError(502, 'M_CONNECTION_FAILED', 'The application service cannot be reached', { cause })
}

function urlNotSet(): MatrixError {
  return new MatrixError(400, 'M_URL_NOT_SET', 'The application service has no URL')
}
