/** Makes thumbnails when they are first asked for, one at a time, and keeps them. */
import { limitExceeded, refuse } from '../../core/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import type { Histogram, Metrics } from '../../platform/metrics.ts'
import type { Database } from '../../storage/database.ts'
import {
  addThumbnail,
  findThumbnail,
  type MediaContent,
  type Mxc,
  type ThumbnailKind,
  type ThumbnailSize,
} from '../../storage/media.ts'
import { IMAGE_HEAD_BYTES, imageType } from './image-type.ts'
import type { MediaReader } from './reader.ts'
import { resize } from './resize.ts'
import type { Spool } from './spool.ts'
import { sizeFor } from './thumbnail-size.ts'

/** How many requests may wait for their turn; each takes a fraction of a second. */
const MAX_WAITING = 50

export interface ThumbnailsParts {
  readonly database: Database
  readonly reader: MediaReader
  readonly spool: Spool
  readonly clock: Clock
  readonly metrics: Metrics
}

export class Thumbnails {
  readonly #database: Database
  readonly #reader: MediaReader
  readonly #spool: Spool
  readonly #turns: KeyedLock
  readonly #seconds: Histogram
  #waiting = 0

  constructor({ database, reader, spool, clock, metrics }: ThumbnailsParts) {
    this.#database = database
    this.#reader = reader
    this.#spool = spool
    this.#turns = new KeyedLock({ name: 'thumbnails', clock })
    this.#seconds = metrics.histogram('thumbnail_seconds', 'Time to make a thumbnail')
  }

  /**
   * A picture of `original` that is at least as large as asked for, if the original is. Throws `M_TOO_LARGE`, or
   * `M_UNKNOWN` for what is not an image.
   */
  async get(
    mxc: Mxc,
    original: MediaContent,
    { animated, ...size }: ThumbnailSize & { readonly animated: boolean },
    signal: AbortSignal,
  ): Promise<MediaContent> {
    const kind = { ...sizeFor(size), animated }
    const known = await findThumbnail(this.#database, mxc, kind, original)
    if (known) return known
    if (this.#waiting >= MAX_WAITING) throw limitExceeded(2000, 'Too many thumbnails are being made: try again')
    this.#waiting++
    try {
      return await this.#turns.run('', () => this.#findOrMake(mxc, original, kind), signal)
    } finally {
      this.#waiting--
    }
  }

  /** Whoever had the turn before may have made it. */
  async #findOrMake(mxc: Mxc, original: MediaContent, kind: ThumbnailKind): Promise<MediaContent> {
    const known = await findThumbnail(this.#database, mxc, kind, original)
    if (known) return known
    const started = performance.now()
    const type = imageType(await this.#reader.head(original, IMAGE_HEAD_BYTES))
    if (!type) throw refuse(400, 'M_UNKNOWN', 'No thumbnail can be made of this file')
    const keepIfSmall = !type.isApng || kind.animated
    const resized = await this.#reader.withFile(original, (path) =>
      resize(path, kind, { animated: kind.animated, keepIfSmall }),
    )
    this.#seconds.observe((performance.now() - started) / 1000)
    if (!resized) {
      const itself = { ...original, contentType: type.contentType, fileName: undefined }
      await this.#record(mxc, original, kind, itself)
      return itself
    }
    const spooled = await this.#spool.receiveBytes(resized.bytes)
    const made = { ...spooled, contentType: resized.contentType, fileName: undefined }
    if (await this.#spool.keep(spooled, () => this.#record(mxc, original, kind, made))) return made
    // Another process was quicker, and its thumbnail is the one that is known.
    return (await findThumbnail(this.#database, mxc, kind, original)) ?? original
  }

  #record(mxc: Mxc, original: MediaContent, kind: ThumbnailKind, made: MediaContent): Promise<boolean> {
    return this.#database.transaction('keep a thumbnail', (tx) => addThumbnail(tx, mxc, kind, made, original))
  }
}
