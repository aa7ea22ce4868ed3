/** Files of other servers, of which this server keeps copies for a while. */
import type { Readable } from 'node:stream'
import { limitExceeded, MatrixError, notFound, refuse } from '../../core/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import { FetchError } from '../../platform/fetch-error.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import type { Database } from '../../storage/database.ts'
import { addMedia, findMedia, keepMediaUntil, type MediaContent, type Mxc } from '../../storage/media.ts'
import { contentTypeOf } from './content-type.ts'
import { fileNameOf } from './file-name.ts'
import type { FindOptions, RemoteMedia } from './media.ts'
import type { Spool, Spooled } from './spool.ts'

/** What another server gives, as it says it. The body must be read or destroyed. */
export interface RemoteFile {
  readonly body: Readable
  readonly contentType: string | undefined
  readonly fileName: string | undefined
}

export interface RemoteFileRequest {
  /** How long the other server may wait for a promised file. */
  readonly timeoutMs: number
  readonly maxBytes: number
  readonly signal: AbortSignal
}

/** Whoever gets files from other servers. */
export interface RemoteMediaSource {
  /** Throws `M_NOT_FOUND`, `M_NOT_YET_UPLOADED`, `M_TOO_LARGE` with status 502, or another refusal that clients may see. */
  open(mxc: Mxc, request: RemoteFileRequest): Promise<RemoteFile>
}

export interface RemoteCopiesParts {
  readonly source: RemoteMediaSource
  readonly database: Database
  readonly spool: Spool
  readonly clock: Clock
  /** The largest file, in bytes. */
  readonly maxBytes: number
}

/** Since it was last asked for. */
const KEEP_MS = 30 * 24 * 60 * 60_000
/** How exactly that is written down. */
const GRAIN_MS = 24 * 60 * 60_000
const MAX_FETCHING = 32
const MAX_FETCH_MS = 5 * 60_000

export class RemoteCopies implements RemoteMedia {
  readonly #parts: RemoteCopiesParts
  /** Whoever asks for a file that is on its way waits for it. */
  readonly #arriving: KeyedLock
  #fetching = 0

  constructor(parts: RemoteCopiesParts) {
    this.#parts = parts
    this.#arriving = new KeyedLock({ name: 'remote file', timeoutMs: MAX_FETCH_MS, clock: parts.clock })
  }

  async find(mxc: Mxc, options: FindOptions): Promise<MediaContent> {
    const copy = await this.#findCopy(mxc)
    if (copy) return copy
    const key = `${mxc.server}/${mxc.mediaId}`
    return await this.#arriving.run(
      key,
      async () => (await this.#findCopy(mxc)) ?? (await this.#fetch(mxc, options)),
      options.signal,
    )
  }

  async #findCopy(mxc: Mxc): Promise<MediaContent | undefined> {
    const { database, clock } = this.#parts
    const record = await findMedia(database, mxc)
    if (record?.isQuarantined === true) throw notFound('There is no such file')
    const { content, expiresTs = 0 } = record ?? {}
    const now = clock.now()
    if (!content || expiresTs <= now) return undefined
    if (expiresTs < now + KEEP_MS - GRAIN_MS) {
      await database.transaction('keep a copy', (tx) => keepMediaUntil(tx, mxc, now + KEEP_MS))
    }
    return content
  }

  async #fetch(mxc: Mxc, { timeoutMs, signal }: FindOptions): Promise<MediaContent> {
    if (this.#fetching >= MAX_FETCHING) throw limitExceeded(2000, 'Too many files are on their way: try again')
    this.#fetching++
    try {
      const { source, maxBytes } = this.#parts
      const file = await source.open(mxc, { timeoutMs, maxBytes, signal })
      return await this.#keep(mxc, file, await this.#receive(file.body))
    } finally {
      this.#fetching--
    }
  }

  async #receive(body: Readable): Promise<Spooled> {
    const { spool, maxBytes } = this.#parts
    try {
      return await spool.receive(body, maxBytes)
    } catch (error) {
      const isTooLarge =
        error instanceof FetchError
          ? error.failure === 'too_large'
          : error instanceof MatrixError && error.status === 413
      if (isTooLarge) throw refuse(502, 'M_TOO_LARGE', `Files of other servers may have ${maxBytes} bytes at most`)
      if (error instanceof MatrixError) throw error
      throw refuse(502, 'M_UNKNOWN', 'The file did not arrive')
    } finally {
      body.destroy()
    }
  }

  async #keep(mxc: Mxc, { contentType, fileName }: RemoteFile, file: Spooled): Promise<MediaContent> {
    const { database, spool, clock } = this.#parts
    const { storageKey, size, sha256 } = file
    const content: MediaContent = {
      storageKey,
      size,
      sha256,
      contentType: contentTypeOf(contentType),
      fileName: fileNameOf(fileName),
    }
    const now = clock.now()
    const origin = { userId: undefined, createdTs: now, expiresTs: now + KEEP_MS }
    const added = await spool.keep(file, () =>
      database.transaction('keep a remote file', (tx) => addMedia(tx, mxc, origin, content)),
    )
    // Else another process was quicker, or an old copy is yet to be swept away.
    return added ? content : ((await findMedia(database, mxc))?.content ?? content)
  }
}
