/**
 * Addresses of single files for people who have no account, for a week. They are signed: nobody makes one of another file,
 * or for longer, and nothing is kept of them.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { forbidden } from '../../core/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import { readOrMakeKey } from '../../platform/key-file.ts'
import type { Mxc } from './media.ts'

const LIFETIME_MS = 7 * 24 * 3600_000

export interface MediaLinksParts {
  readonly clock: Clock
  /** The key is made when the first link is. */
  readonly keyFile: string
  /** What a token follows. */
  readonly baseUrl: string
}

export class MediaLinks {
  readonly #parts: MediaLinksParts
  #key: Promise<Buffer> | undefined

  constructor(parts: MediaLinksParts) {
    this.#parts = parts
  }

  /** The address of a file, and until when it is good. */
  async make({ server, mediaId }: Mxc): Promise<{ readonly url: string; readonly expiresTs: number }> {
    const { clock, baseUrl } = this.#parts
    const expiresTs = clock.now() + LIFETIME_MS
    const said = Buffer.from(JSON.stringify([expiresTs, server, mediaId])).toString('base64url')
    return { url: `${baseUrl}/${said}.${await this.#sign(said)}`, expiresTs }
  }

  /** The file that a token is for. Throws `M_FORBIDDEN` where it was made by somebody else, or is too old. */
  async open(token: string): Promise<Mxc> {
    const [said = '', signature = ''] = token.split('.', 2)
    const [given, right] = [Buffer.from(signature), Buffer.from(await this.#sign(said))]
    if (given.length !== right.length || !timingSafeEqual(given, right)) throw forbidden('This link was not made here')
    const [expiresTs, server, mediaId] = JSON.parse(Buffer.from(said, 'base64url').toString()) as [
      number,
      string,
      string,
    ]
    if (expiresTs <= this.#parts.clock.now()) throw forbidden('This link is too old')
    return { server, mediaId }
  }

  async #sign(said: string): Promise<string> {
    this.#key ??= readOrMakeKey(this.#parts.keyFile)
    return createHmac('sha256', await this.#key)
      .update(said)
      .digest('base64url')
  }
}
