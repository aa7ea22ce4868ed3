/** Copies of pictures from elsewhere, kept under names of this server for a while. */
import { randomUUIDv7 } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { MxcUri, ServerName } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import { addMedia } from '../../storage/media.ts'
import { readImageFacts } from './image-facts.ts'
import type { Spool } from './spool.ts'

export interface ImageCopy {
  readonly uri: MxcUri
  readonly contentType: string
  /** Bytes. */
  readonly size: number
  /** Pixels, as the picture is shown. */
  readonly width: number
  readonly height: number
}

export interface ImageCopiesParts {
  readonly serverName: ServerName
  readonly database: Database
  readonly clock: Clock
  readonly spool: Spool
}

export class ImageCopies {
  readonly #parts: ImageCopiesParts

  constructor(parts: ImageCopiesParts) {
    this.#parts = parts
  }

  /** Undefined for what is no picture. Throws `M_TOO_LARGE`. */
  async keep(
    source: Readable,
    { maxBytes, expiresTs }: { readonly maxBytes: number; readonly expiresTs: number },
  ): Promise<ImageCopy | undefined> {
    const { serverName: server, database, clock, spool } = this.#parts
    const file = await spool.receive(source, maxBytes).finally(() => source.destroy())
    const facts = await readImageFacts(file.path)
    if (!facts) {
      await spool.discard(file)
      return undefined
    }
    const { storageKey, size, sha256 } = file
    const { contentType } = facts
    const mxc = { server, mediaId: randomUUIDv7() }
    const origin = { userId: undefined, createdTs: clock.now(), expiresTs }
    const content = { storageKey, contentType, fileName: undefined, size, sha256 }
    await spool.keep(file, () => database.transaction('keep a picture', (tx) => addMedia(tx, mxc, origin, content)))
    return { uri: `mxc://${server}/${mxc.mediaId}`, size, ...facts }
  }
}
