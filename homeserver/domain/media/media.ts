/** Files by their `mxc://` names: promised, uploaded, found. https://spec.matrix.org/v1.19/client-server-api/#content-repository */
import { randomUUIDv7 } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import type { Readable } from 'node:stream'
import { forbidden, limitExceeded, notFound, refuse } from '../../core/errors.ts'
import { isServerName, type MxcUri, type ServerName } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import {
  addMedia,
  addPendingMedia,
  fillMedia,
  findMedia,
  type MediaContent,
  type MediaRecord,
  type Mxc,
  pendingExpiries,
} from '../../storage/media.ts'
import type { Requester } from '../accounts/requester.ts'
import { maxPendingUploads } from '../limits.ts'
import { contentTypeOf } from './content-type.ts'
import { fileNameOf } from './file-name.ts'
import type { Spool, Spooled } from './spool.ts'

export type { MediaContent, Mxc } from '../../storage/media.ts'

/** As uploaders say it, in whatever form. */
export interface MediaDescription {
  readonly contentType: string | undefined
  readonly fileName: string | undefined
}

/** Files of other servers, which the federation brings. */
export interface RemoteMedia {
  /**
   * The file's content, from this server's copy or from the other server. Throws `M_NOT_FOUND`, `M_NOT_YET_UPLOADED`,
   * or `M_TOO_LARGE` with status 502.
   */
  find(mxc: Mxc, options: FindOptions): Promise<MediaContent>
}

export interface FindOptions {
  /** How long to wait for a promised file that has not come. */
  readonly timeoutMs: number
  /** Whether another server may be asked. */
  readonly allowRemote: boolean
  readonly signal: AbortSignal
}

export interface MediaParts {
  readonly serverName: ServerName
  /** The largest upload, in bytes. */
  readonly maxBytes: number
  readonly database: Database
  readonly spool: Spool
  readonly clock: Clock
  readonly remote?: RemoteMedia | undefined
}

/** How long an id stays good without its file. */
const PENDING_MS = 24 * 60 * 60_000

export class Media {
  readonly maxBytes: number
  readonly #serverName: ServerName
  readonly #database: Database
  readonly #spool: Spool
  readonly #clock: Clock
  readonly #remote: RemoteMedia | undefined
  /** Media ids, when their file has come to this process. */
  readonly #arrivals = new EventEmitter().setMaxListeners(0)

  constructor({ serverName, maxBytes, database, spool, clock, remote }: MediaParts) {
    this.maxBytes = maxBytes
    this.#serverName = serverName
    this.#database = database
    this.#spool = spool
    this.#clock = clock
    this.#remote = remote
  }

  /** Promises a file. Throws `M_LIMIT_EXCEEDED` for whoever owes too many. */
  async create({ userId }: Requester): Promise<{ uri: MxcUri; expiresTs: number }> {
    const createdTs = this.#clock.now()
    const expiresTs = createdTs + PENDING_MS
    const mxc = this.#newMxc()
    await this.#database.transaction('promise a file', async (tx) => {
      const owed = await pendingExpiries(tx, userId, createdTs)
      if (owed.length >= maxPendingUploads) {
        throw limitExceeded(
          (owed[0] ?? expiresTs) - createdTs,
          `Upload the ${owed.length} files that you have ids for first`,
        )
      }
      await addPendingMedia(tx, mxc, { userId, createdTs, expiresTs })
    })
    return { uri: uriOf(mxc), expiresTs }
  }

  /** Takes a file. Throws `M_TOO_LARGE`, and then leaves the rest of `source` unread. */
  async upload({ userId }: Requester, source: Readable, description: MediaDescription): Promise<MxcUri> {
    const mxc = this.#newMxc()
    const file = await this.#spool.receive(source, this.maxBytes)
    const createdTs = this.#clock.now()
    await this.#spool.keep(file, () =>
      this.#database.transaction('upload', (tx) =>
        addMedia(tx, mxc, { userId, createdTs }, contentOf(file, description)),
      ),
    )
    return uriOf(mxc)
  }

  /** Takes a file that was promised. https://spec.matrix.org/v1.19/client-server-api/#put_matrixmediav3uploadservernamemediaid */
  async uploadTo({ userId }: Requester, mxc: Mxc, source: Readable, description: MediaDescription): Promise<void> {
    const record = this.#isOurs(mxc) ? await findMedia(this.#database, mxc) : undefined
    if (!record || this.#isExpired(record)) throw unknownMedia()
    if (record.userId !== userId) throw forbidden('This id was given to somebody else')
    if (record.content) throw cannotOverwrite()
    const file = await this.#spool.receive(source, this.maxBytes)
    const content = contentOf(file, description)
    const filled = await this.#spool.keep(file, () =>
      this.#database.transaction('upload to an id', (tx) => fillMedia(tx, mxc, content)),
    )
    if (!filled) throw cannotOverwrite()
    this.#arrivals.emit(mxc.mediaId)
  }

  /** Throws `M_NOT_FOUND`, or `M_NOT_YET_UPLOADED` if a promised file does not come in time. */
  async find(mxc: Mxc, options: FindOptions): Promise<MediaContent> {
    if (!isMxc(mxc)) throw unknownMedia()
    if (!this.#isOurs(mxc)) {
      if (!this.#remote || !options.allowRemote) throw unknownMedia()
      return await this.#remote.find(mxc, options)
    }
    return (await this.#findNow(mxc)) ?? (await this.#awaitContent(mxc, options))
  }

  async #findNow(mxc: Mxc): Promise<MediaContent | undefined> {
    const record = await findMedia(this.#database, mxc)
    if (!record || record.isQuarantined || this.#isExpired(record)) throw unknownMedia()
    return record.content
  }

  async #awaitContent(mxc: Mxc, { timeoutMs, signal }: FindOptions): Promise<MediaContent> {
    const over = new AbortController()
    const either = AbortSignal.any([signal, over.signal])
    try {
      const arrival = once(this.#arrivals, mxc.mediaId, { signal: either })
      const end = Promise.race([arrival, this.#clock.sleep(timeoutMs, either)])
      end.catch(() => undefined) // nobody waits for it if the file has come since
      const content = (await this.#findNow(mxc)) ?? (await end, await this.#findNow(mxc))
      if (content) return content
    } finally {
      over.abort()
    }
    throw refuse(504, 'M_NOT_YET_UPLOADED', 'This file has not been uploaded yet')
  }

  #newMxc(): Mxc {
    return { server: this.#serverName, mediaId: randomUUIDv7() }
  }

  #isOurs({ server }: Mxc): boolean {
    return server === this.#serverName
  }

  #isExpired({ expiresTs }: MediaRecord): boolean {
    return expiresTs !== undefined && expiresTs <= this.#clock.now()
  }
}

/** The grammar that keeps ids from leading anywhere. https://spec.matrix.org/v1.19/client-server-api/#content-repo-security-considerations */
function isMxc({ server, mediaId }: Mxc): boolean {
  return isServerName(server) && /^[\w-]{1,255}$/.test(mediaId)
}

function uriOf({ server, mediaId }: Mxc): MxcUri {
  return `mxc://${server}/${mediaId}`
}

function contentOf({ storageKey, size, sha256 }: Spooled, { contentType, fileName }: MediaDescription): MediaContent {
  return { storageKey, size, sha256, contentType: contentTypeOf(contentType), fileName: fileNameOf(fileName) }
}

const unknownMedia = (): Error => notFound('There is no such file')
const cannotOverwrite = (): Error => refuse(409, 'M_CANNOT_OVERWRITE_MEDIA', 'This id has its file already')
