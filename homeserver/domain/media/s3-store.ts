/** Files in a bucket of an S3-compatible service. https://docs.aws.amazon.com/AmazonS3/latest/API/ */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import type { AwsV4Signer } from 'aws4fetch'
import { refuse } from '../../core/errors.ts'
import type { Fetched, Fetcher } from '../../platform/fetch.ts'
import { logger } from '../../platform/log.ts'
import type { ByteRange, MediaPieces, MediaStore } from './media-store.ts'

const log = logger('media')

export interface S3Options {
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

interface S3Call {
  readonly headers?: Record<string, string>
  readonly body?: () => Readable
  readonly timeoutMs?: number
}

/** The sha256 of nothing. */
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
/** A connection that was kept open may have been closed by the other side: once more on a new one. */
const TRIES = 2
const TIMEOUT_MS = 10_000
/** The slowest upload to the service that is waited for, in bytes a millisecond. */
const SLOWEST = 256

export class S3Store implements MediaStore {
  readonly #options: S3Options
  readonly #fetcher: Fetcher
  readonly #Signer: typeof AwsV4Signer

  private constructor(options: S3Options, fetcher: Fetcher, Signer: typeof AwsV4Signer) {
    this.#options = options
    this.#fetcher = fetcher
    this.#Signer = Signer
  }

  /** Loads the signer, which those who keep files on disk never pay for. */
  static async open(options: S3Options, fetcher: Fetcher): Promise<S3Store> {
    const { AwsV4Signer } = await import('aws4fetch')
    return new S3Store(options, fetcher, AwsV4Signer)
  }

  async put(key: string, path: string, { size, sha256 }: { size: number; sha256: string }): Promise<void> {
    const answer = await this.#send('PUT', key, sha256, {
      headers: { 'content-length': String(size), 'content-type': 'application/octet-stream' },
      body: () => createReadStream(path, { highWaterMark: 256 * 1024 }),
      timeoutMs: TIMEOUT_MS + size / SLOWEST,
    })
    answer.body.resume()
    if (answer.status !== 200) throw unavailable('put', answer.status)
  }

  async get(key: string, { start, end }: ByteRange): Promise<MediaPieces | undefined> {
    const answer = await this.#send('GET', key, EMPTY, { headers: { range: `bytes=${start}-${end}` } })
    if (answer.status === 206) return answer.body
    answer.body.resume()
    if (answer.status === 404) return undefined
    throw unavailable('get', answer.status)
  }

  async delete(key: string): Promise<void> {
    const answer = await this.#send('DELETE', key, EMPTY, {})
    answer.body.resume()
    if (answer.status >= 300 && answer.status !== 404) throw unavailable('delete', answer.status)
  }

  close(): void {
    this.#fetcher.close()
  }

  async #send(
    method: string,
    key: string,
    sha256: string,
    { headers = {}, body, timeoutMs = TIMEOUT_MS }: S3Call,
  ): Promise<Fetched<Readable>> {
    const { endpoint, bucket, region, accessKeyId, secretAccessKey } = this.#options
    const url = `${endpoint.replace(/\/+$/, '')}/${encodeURIComponent(bucket)}/${key.slice(0, 2)}/${key}`
    for (let tries = 1; ; tries++) {
      const signer = new this.#Signer({
        method,
        url,
        region,
        accessKeyId,
        secretAccessKey,
        service: 's3',
        headers: { 'x-amz-content-sha256': sha256 },
      })
      const signed = Object.fromEntries((await signer.sign()).headers)
      try {
        const answer = await this.#fetcher.stream(url, {
          method,
          headers: { ...signed, ...headers, 'accept-encoding': 'identity' },
          ...(body ? { body: body() } : {}),
          timeoutMs,
          maxBytes: Number.MAX_SAFE_INTEGER, // what is there was measured when it came in
        })
        if (answer.status < 500 || tries === TRIES) return answer
        answer.body.resume()
      } catch (error) {
        if (tries === TRIES) throw unavailable(method, error)
      }
    }
  }
}

function unavailable(action: string, cause: unknown): Error {
  log.error({ action, cause }, 'the S3 store does not answer as it should')
  return refuse(503, 'M_UNKNOWN', 'The store of files cannot be reached: try again later')
}
