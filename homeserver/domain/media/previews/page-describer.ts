/**
 * Fetches a page, its oEmbed description and its picture. All of it goes the one guarded way out, which dials no address
 * inside, is bounded in bytes and time, and takes no site that is denied, not by a redirect either (T43, T81).
 */
import type { Readable } from 'node:stream'
import { compileGlob, type Matcher } from '../../../core/glob.ts'
import type { JsonObject } from '../../../core/event.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Fetched, Fetcher } from '../../../platform/fetch.ts'
import { FetchError } from '../../../platform/fetch-error.ts'
import { logger } from '../../../platform/log.ts'
import type { ImageCopies } from '../image-copies.ts'
import { decodePage } from './charset.ts'
import { readOEmbed } from './oembed.ts'
import { readPage } from './page.ts'

const MAX_TEXT_BYTES = 1024 * 1024
const MAX_IMAGE_BYTES = 10 * 1024 * 1024
const TIMEOUT_MS = 10_000
const REDIRECTS = 5
/** Longer than the preview: clients keep its address for a while. */
const IMAGE_KEPT_MS = 14 * 24 * 3_600_000

const log = logger('previews')

export class PageDescriber {
  readonly #fetch: Fetcher
  readonly #images: ImageCopies
  readonly #clock: Clock
  readonly #denied: readonly Matcher[]

  /** `deny`: host names that are never asked; `*` in them stands for anything. */
  constructor(parts: { fetch: Fetcher; images: ImageCopies; clock: Clock; deny: readonly string[] }) {
    this.#fetch = parts.fetch
    this.#images = parts.images
    this.#clock = parts.clock
    this.#denied = parts.deny.map((pattern) => compileGlob(pattern.toLowerCase()))
  }

  isDenied({ hostname }: URL): boolean {
    return this.#denied.some((matches) => matches(hostname))
  }

  /** Open Graph properties; none for what is neither a page nor a picture. Throws `FetchError`. */
  async describe(url: URL): Promise<JsonObject> {
    const { body, headers, url: from } = await this.#get(url, 'text/html, application/xhtml+xml, image/*;q=0.8')
    const contentType = headers['content-type'] ?? ''
    if (!/^(?:text\/html|application\/xhtml\+xml)\b/i.test(contentType)) {
      body.destroy()
      return /^image\//i.test(contentType) ? await this.#pictureOf(new URL(from)) : {}
    }
    const page = readPage(decodePage(await this.#beginning(body), contentType))
    const oEmbed = await this.#oEmbed(page.oEmbed, from)
    const properties = Object.fromEntries([...oEmbed, ...page.properties])
    const image = properties['og:image'] ?? ''
    // What the page says about its picture is not true of our copy.
    const preview = Object.fromEntries(Object.entries(properties).filter(([name]) => !name.startsWith('og:image')))
    return URL.canParse(image, from) ? { ...preview, ...(await this.#pictureOf(new URL(image, from))) } : preview
  }

  /** What the page itself says is enough where this cannot be had. */
  async #oEmbed(href: string | undefined, base: string): Promise<ReadonlyMap<string, string>> {
    if (href === undefined || !URL.canParse(href, base)) return new Map()
    try {
      const { body } = await this.#get(new URL(href, base), 'application/json')
      return readOEmbed((await this.#beginning(body)).toString('utf8'))
    } catch (error) {
      log.debug({ error, host: new URL(href, base).host }, 'an oEmbed description could not be had')
      return new Map()
    }
  }

  /** A preview without its picture is better than none. */
  async #pictureOf(url: URL): Promise<JsonObject> {
    try {
      const { body } = await this.#get(url, 'image/*')
      const image = await this.#images.keep(body, {
        maxBytes: MAX_IMAGE_BYTES,
        expiresTs: this.#clock.now() + IMAGE_KEPT_MS,
      })
      if (!image) return {}
      const { uri, contentType, size, width, height } = image
      return {
        'og:image': uri,
        'og:image:type': contentType,
        'og:image:width': width,
        'og:image:height': height,
        'matrix:image:size': size,
      }
    } catch (error) {
      log.debug({ error, host: url.host }, 'the picture of a preview could not be had')
      return {}
    }
  }

  async #get(url: URL, accept: string): Promise<Fetched<Readable>> {
    const answer = await this.#fetch.stream(url, {
      headers: { accept },
      maxBytes: Number.MAX_SAFE_INTEGER, // whoever reads stops in time
      timeoutMs: TIMEOUT_MS,
      redirects: REDIRECTS,
    })
    if (answer.status === 200 && !this.isDenied(new URL(answer.url))) return answer
    answer.body.destroy()
    throw answer.status === 200
      ? new FetchError('denied', 'There are no previews of this site')
      : new FetchError('protocol', `The site answered with status ${answer.status}`)
  }

  /** The first bytes of an endless page say what it is; one that comes drop by drop ends when its time is over. */
  async #beginning(body: Readable): Promise<Buffer> {
    const chunks: Buffer[] = []
    let size = 0
    const late = new FetchError('timeout', `The page did not come within ${TIMEOUT_MS} ms`)
    const cancel = this.#clock.after(TIMEOUT_MS, () => body.destroy(late))
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        chunks.push(chunk)
        size += chunk.length
        if (size >= MAX_TEXT_BYTES) break
      }
    } finally {
      cancel()
    }
    return Buffer.concat(chunks).subarray(0, MAX_TEXT_BYTES)
  }
}
