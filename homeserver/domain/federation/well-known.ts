/** Where a host says its Matrix server is. https://spec.matrix.org/v1.19/server-server-api/#getwell-knownmatrixserver */
import { randomInt } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isJsonObject, parseJson } from '../../core/canonical-json.ts'
import { isServerName, type ServerName } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetcher } from '../../platform/fetch.ts'
import { Lru } from '../../platform/lru.ts'

/** T44: what strangers say about themselves is neither long nor believed for long. */
const MAX_BYTES = 51_200
const MAX_REDIRECTS = 5
const TIMEOUT_MS = 10_000
const minute = 60_000
const hour = 60 * minute
const keep = { least: 5 * minute, most: 48 * hour, unsaid: 24 * hour, firstFailure: 2 * minute, none: hour } as const
const MAX_HOSTS = 20_000

interface Known {
  /** Undefined: the host delegates to nobody. */
  readonly server: ServerName | undefined
  /** Asked again from then on. */
  readonly until: number
  /** When the host itself last said so. */
  readonly saidAt: number
  /** How often the host has not answered since then. */
  readonly failures: number
}

/** The host did not answer, or not for good: it may delegate all the same. */
class NoWordError extends Error {
  override name = 'NoWordError'
}

export class WellKnown {
  readonly #fetch: Fetcher
  readonly #clock: Clock
  readonly #known = new Lru<string, Known>(MAX_HOSTS)
  readonly #asking = new Map<string, Promise<Known>>()

  constructor({ fetch, clock }: { fetch: Fetcher; clock: Clock }) {
    this.#fetch = fetch
    this.#clock = clock
  }

  /** The name of the server that a host delegates to, if it does. Never throws. */
  async serverOf(host: string): Promise<ServerName | undefined> {
    const name = host.toLowerCase()
    const known = this.#known.get(name)
    if (known && known.until > this.#clock.monotonic()) return known.server
    let asking = this.#asking.get(name)
    if (!asking) {
      asking = this.#ask(name, known).finally(() => this.#asking.delete(name))
      this.#asking.set(name, asking)
    }
    return (await asking).server
  }

  async #ask(host: string, before: Known | undefined): Promise<Known> {
    const known = await this.#read(host).catch(() => this.#withoutWord(before))
    this.#known.set(host, known)
    return known
  }

  /** Throws if the host may answer otherwise before long. */
  async #read(host: string): Promise<Known> {
    const url = `https://${host}/.well-known/matrix/server`
    const limits = { maxBytes: MAX_BYTES, timeoutMs: TIMEOUT_MS, redirects: MAX_REDIRECTS, protocols: ['https:'] }
    const { status, headers, body } = await this.#fetch(url, limits)
    if (status >= 500 || status === 429) throw new NoWordError(`${host} answered ${status}`)
    const server = status === 200 ? serverIn(body) : undefined
    const saidAt = this.#clock.monotonic()
    const keepMs = server === undefined ? keep.none : lifetimeOf(headers, this.#clock.now())
    return { server, saidAt, until: saidAt + withJitter(keepMs), failures: 0 }
  }

  /** What was said before holds on while a host is down, for two days. */
  #withoutWord(before: Known | undefined): Known {
    const now = this.#clock.monotonic()
    const failures = (before?.failures ?? 0) + 1
    const isRecent = before !== undefined && now - before.saidAt < keep.most
    const pause = Math.min(keep.none, keep.firstFailure * 2 ** Math.min(failures - 1, 10))
    return {
      server: isRecent ? before.server : undefined,
      saidAt: before?.saidAt ?? now,
      until: now + withJitter(pause),
      failures,
    }
  }
}

function serverIn(body: Buffer): ServerName | undefined {
  try {
    const document = parseJson(body.toString('utf8'), { numbers: 'plain' })
    const server = isJsonObject(document) ? document['m.server'] : undefined
    return typeof server === 'string' && isServerName(server) ? server : undefined
  } catch {
    return undefined
  }
}

/** In milliseconds, by `Cache-Control` or `Expires`, within our limits. */
function lifetimeOf(headers: IncomingHttpHeaders, now: number): number {
  const control = headers['cache-control']?.toLowerCase() ?? ''
  const maxAge = /(?:^|[,\s])max-age="?(\d+)/.exec(control)?.[1]
  const expires = Date.parse(headers.expires ?? '')
  if (/(?:^|[,\s])no-(?:store|cache)/.test(control)) return keep.least
  const said = maxAge !== undefined ? Number(maxAge) * 1000 : Number.isNaN(expires) ? keep.unsaid : expires - now
  return Math.min(keep.most, Math.max(keep.least, said))
}

/** Up to a tenth less, so that what was learnt together does not become old together. */
function withJitter(ms: number): number {
  return ms - randomInt(Math.floor(ms / 10) + 1)
}
