/** Pictures that posts name by address. They are fetched by the guarded way out, and kept as media of the server. */
import type { Clock } from '../../homeserver/platform/clock.ts'
import type { Fetcher } from '../../homeserver/platform/fetch.ts'
import { logger } from '../../homeserver/platform/log.ts'
import { Lru } from '../../homeserver/platform/lru.ts'
import type { Homeserver } from '../appservice/homeserver.ts'

const MAX_BYTES = 512 * 1024
const TIMEOUT_MS = 5_000
const KEPT_MS = 24 * 3600_000
const MAX_KNOWN = 500
const log = logger('webhooks')

export class Avatars {
  readonly #fetch: Fetcher
  readonly #homeserver: Homeserver
  readonly #clock: Clock
  readonly #known = new Lru<string, { readonly mxc: string | undefined; readonly at: number }>(MAX_KNOWN)

  constructor({ fetch, homeserver, clock }: { fetch: Fetcher; homeserver: Homeserver; clock: Clock }) {
    this.#fetch = fetch
    this.#homeserver = homeserver
    this.#clock = clock
  }

  /** Undefined for what is no picture, or cannot be had: nobody waits for it again that day. */
  async of(address: string): Promise<string | undefined> {
    const known = this.#known.get(address)
    if (known && this.#clock.monotonic() - known.at < KEPT_MS) return known.mxc
    const mxc = await this.#take(address).catch((error: unknown) => {
      log.debug({ problem: String(error) }, 'picture of a webhook not taken')
      return undefined
    })
    this.#known.set(address, { mxc, at: this.#clock.monotonic() })
    return mxc
  }

  async #take(address: string): Promise<string | undefined> {
    const { status, headers, body } = await this.#fetch(address, {
      maxBytes: MAX_BYTES,
      timeoutMs: TIMEOUT_MS,
      redirects: 2,
    })
    const type = headers['content-type']?.split(';', 1)[0]?.trim() ?? ''
    if (status !== 200 || !/^image\/(?:png|jpeg|gif|webp)$/.test(type)) return undefined
    return await this.#homeserver.upload(body, type)
  }
}
