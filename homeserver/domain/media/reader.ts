/** Files on their way out: whole, in part, or as a path for those who need one. */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { notFound, refuse } from '../../core/errors.ts'
import { logger } from '../../platform/log.ts'
import type { Counter, Metrics } from '../../platform/metrics.ts'
import type { MediaContent } from '../../storage/media.ts'
import type { ByteRange, MediaPieces, MediaStore } from './media-store.ts'
import type { Spool } from './spool.ts'

const log = logger('media')

/** One in so many whole files is compared with its hash before it goes out (T82), the first one at once. */
const CHECK_EVERY = 16
/** Larger files would keep the client waiting for too long. */
const MAX_CHECKED_BYTES = 32 * 1024 * 1024

export class MediaReader {
  readonly #store: MediaStore
  readonly #spool: Spool
  readonly #damaged: Counter
  #served = 0

  constructor({ store, spool, metrics }: { store: MediaStore; spool: Spool; metrics: Metrics }) {
    this.#store = store
    this.#spool = spool
    this.#damaged = metrics.counter('media_damaged_total', 'Files that did not have their hash any more')
  }

  /** Not for empty files. What it gives must be iterated. Throws `M_NOT_FOUND` if the store has lost the file, and 502 if it is damaged. */
  async read(content: MediaContent, range?: ByteRange): Promise<MediaPieces> {
    const isChecked = !range && content.size <= MAX_CHECKED_BYTES && this.#served++ % CHECK_EVERY === 0
    if (isChecked) await this.#check(content)
    return await this.#open(content, range ?? wholeOf(content))
  }

  /** Runs `use` with a path where the file is, which is good until then. */
  async withFile<T>(content: MediaContent, use: (path: string) => Promise<T>): Promise<T> {
    const path = this.#store.localPath?.(content.storageKey)
    if (path !== undefined) return await use(path)
    const copy = await this.#spool.receive(
      Readable.from(copies(await this.#open(content, wholeOf(content)))),
      content.size,
    )
    try {
      return await use(copy.path)
    } finally {
      await this.#spool.discard(copy)
    }
  }

  async head(content: MediaContent, bytes: number): Promise<Buffer> {
    if (content.size === 0) return Buffer.alloc(0)
    const head: Buffer[] = []
    const range = { start: 0, end: Math.min(bytes, content.size) - 1 }
    for await (const piece of await this.#open(content, range)) head.push(Buffer.from(piece))
    return Buffer.concat(head)
  }

  async #open({ storageKey }: MediaContent, range: ByteRange): Promise<MediaPieces> {
    const pieces = await this.#store.get(storageKey, range)
    if (pieces) return pieces
    log.error({ storageKey }, 'a file is missing in the store')
    throw notFound('This file is not here any more')
  }

  async #check(content: MediaContent): Promise<void> {
    const hash = createHash('sha256')
    for await (const piece of await this.#open(content, wholeOf(content))) hash.update(piece)
    if (hash.digest('hex') === content.sha256) return
    this.#damaged.inc()
    log.error({ storageKey: content.storageKey }, 'a file in the store is damaged')
    throw refuse(502, 'M_UNKNOWN', 'This file is damaged')
  }
}

const wholeOf = ({ size }: MediaContent): ByteRange => ({ start: 0, end: size - 1 })

async function* copies(pieces: MediaPieces): AsyncGenerator<Buffer, void> {
  for await (const piece of pieces) yield Buffer.from(piece)
}
