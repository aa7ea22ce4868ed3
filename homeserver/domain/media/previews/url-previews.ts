/**
 * Describes the pages behind links, each once a day however many ask.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediapreview_url
 */
import { invalidParam, limitExceeded, type MatrixError, refuse } from '../../../core/errors.ts'
import type { JsonObject } from '../../../core/event.ts'
import type { Clock } from '../../../platform/clock.ts'
import { FetchError } from '../../../platform/fetch-error.ts'
import { logger } from '../../../platform/log.ts'
import type { Counter, Metrics } from '../../../platform/metrics.ts'
import type { Database } from '../../../storage/database.ts'
import { findUrlPreview, setUrlPreview } from '../../../storage/url-previews.ts'
import type { PageDescriber } from './page-describer.ts'

export interface UrlPreviewsParts {
  readonly database: Database
  readonly clock: Clock
  readonly metrics: Metrics
  readonly describer: PageDescriber
}

const MAX_URL_LENGTH = 2048
const KEPT_MS = 24 * 3_600_000
/** Pages that are being looked up. */
const MAX_AT_ONCE = 20

const log = logger('previews')

export class UrlPreviews {
  readonly #parts: UrlPreviewsParts
  readonly #running = new Map<string, Promise<JsonObject>>()
  readonly #lookUps: Counter<'result'>

  constructor(parts: UrlPreviewsParts) {
    this.#parts = parts
    this.#lookUps = parts.metrics.counter('url_previews_total', 'Pages looked up for previews', ['result'])
  }

  /**
   * Open Graph properties, with the picture as an `mxc://` address; none for what is no page. Throws `M_INVALID_PARAM`
   * for what is no address of a page, `M_FORBIDDEN` for one that is never asked, 502 `M_UNKNOWN` if it cannot be had.
   */
  async of(address: string): Promise<JsonObject> {
    const url = this.#parse(address)
    const { database, clock } = this.#parts
    const kept = await findUrlPreview(database, url.href, clock.now())
    if (kept) return kept
    const running = this.#running.get(url.href)
    if (running) return await running
    if (this.#running.size >= MAX_AT_ONCE) throw limitExceeded(2000, 'Too many pages are being looked up: try again')
    const lookingUp = this.#lookUp(url).finally(() => this.#running.delete(url.href))
    this.#running.set(url.href, lookingUp)
    return await lookingUp
  }

  #parse(address: string): URL {
    if (address.length > MAX_URL_LENGTH || !URL.canParse(address)) throw invalidParam('url is not an address')
    const url = new URL(address)
    if (!['http:', 'https:'].includes(url.protocol)) throw invalidParam('Only http and https addresses have previews')
    if (url.username || url.password) throw invalidParam('Addresses with passwords have no previews')
    if (this.#parts.describer.isDenied(url)) throw refuse(403, 'M_FORBIDDEN', 'There are no previews of this site')
    url.hash = ''
    return url
  }

  async #lookUp(url: URL): Promise<JsonObject> {
    const { database, clock, describer } = this.#parts
    try {
      const preview = await describer.describe(url)
      const expiresTs = clock.now() + KEPT_MS
      await database.transaction('keep a preview', (tx) => setUrlPreview(tx, url.href, preview, expiresTs))
      this.#lookUps.inc({ result: 'described' })
      return preview
    } catch (error) {
      if (!(error instanceof FetchError)) throw error
      this.#lookUps.inc({ result: error.failure })
      log.debug({ error, host: url.host }, 'a page could not be had')
      throw pageFailed(error)
    }
  }
}

/** Says no more of what is inside than that it may not be asked. */
function pageFailed({ failure }: FetchError): MatrixError {
  if (failure === 'denied') return refuse(403, 'M_FORBIDDEN', 'This address may not be asked')
  return refuse(502, 'M_UNKNOWN', 'The page could not be had')
}
