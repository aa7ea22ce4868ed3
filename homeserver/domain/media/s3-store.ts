/** Files in a bucket of an S3-compatible service. */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { refuse } from '../../core/errors.ts'
import type { Fetched } from '../../platform/fetch.ts'
import { logger } from '../../platform/log.ts'
import { type S3Bucket, type S3Call, uploadTimeoutMs } from '../../platform/s3.ts'
import type { ByteRange, MediaPieces, MediaStore } from './media-store.ts'

const log = logger('media')

export class S3Store implements MediaStore {
  readonly #bucket: S3Bucket

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket
  }

  async put(key: string, path: string, { size, sha256 }: { size: number; sha256: string }): Promise<void> {
    const answer = await this.#send('PUT', key, {
      sha256,
      headers: { 'content-length': String(size), 'content-type': 'application/octet-stream' },
      body: () => createReadStream(path, { highWaterMark: 256 * 1024 }),
      timeoutMs: uploadTimeoutMs(size),
    })
    answer.body.resume()
    if (answer.status !== 200) throw unavailable('put', answer.status)
  }

  async get(key: string, { start, end }: ByteRange): Promise<MediaPieces | undefined> {
    const answer = await this.#send('GET', key, { headers: { range: `bytes=${start}-${end}` } })
    if (answer.status === 206) return answer.body
    answer.body.resume()
    if (answer.status === 404) return undefined
    throw unavailable('get', answer.status)
  }

  async delete(key: string): Promise<void> {
    const answer = await this.#send('DELETE', key)
    answer.body.resume()
    if (answer.status >= 300 && answer.status !== 404) throw unavailable('delete', answer.status)
  }

  close(): void {
    this.#bucket.close()
  }

  async #send(method: string, key: string, call?: S3Call): Promise<Fetched<Readable>> {
    try {
      return await this.#bucket.send(method, `${key.slice(0, 2)}/${key}`, call)
    } catch (error) {
      throw unavailable(method, error)
    }
  }
}

function unavailable(action: string, cause: unknown): Error {
  log.error({ action, cause }, 'the S3 store does not answer as it should')
  return refuse(503, 'M_UNKNOWN', 'The store of files cannot be reached: try again later')
}
