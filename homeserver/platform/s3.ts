/** A bucket of an S3-compatible service: requests to it are signed, and tried once more unless nothing came at all. https://docs.aws.amazon.com/AmazonS3/latest/API/ */
import type { Readable } from 'node:stream'
import type { AwsV4Signer } from 'aws4fetch'
import type { Fetched, Fetcher } from './fetch.ts'
import { FetchError } from './fetch-error.ts'

export interface S3Options {
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface S3Call {
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Made anew for each try. */
  readonly body?: () => Readable | string
  /** Of the body, in hex. */
  readonly sha256?: string
  readonly timeoutMs?: number
}

/** The sha256 of nothing. */
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
/** A connection that was kept open may have been closed by the other side: once more on a new one. */
const TRIES = 2
const TIMEOUT_MS = 10_000
/** The slowest upload to the service that is waited for, in bytes a millisecond. */
const SLOWEST = 256

/** How long an upload of so many bytes may take. */
export const uploadTimeoutMs = (size: number): number => TIMEOUT_MS + Math.ceil(size / SLOWEST)

export class S3Bucket {
  readonly #options: S3Options
  readonly #fetcher: Fetcher
  readonly #Signer: typeof AwsV4Signer

  private constructor(options: S3Options, fetcher: Fetcher, Signer: typeof AwsV4Signer) {
    this.#options = options
    this.#fetcher = fetcher
    this.#Signer = Signer
  }

  /** Loads the signer, which those who need no bucket never pay for. Closes the fetcher in the end. */
  static async open(options: S3Options, fetcher: Fetcher): Promise<S3Bucket> {
    const { AwsV4Signer } = await import('aws4fetch')
    return new S3Bucket(options, fetcher, AwsV4Signer)
  }

  close(): void {
    this.#fetcher.close()
  }

  /** What the service answers about `key`, '' for the bucket itself. The body must be read or destroyed. Throws if nobody answers. */
  async send(
    method: string,
    key: string,
    { query = {}, headers = {}, body, sha256 = EMPTY, timeoutMs = TIMEOUT_MS }: S3Call = {},
  ): Promise<Fetched<Readable>> {
    const { endpoint, bucket, region, accessKeyId, secretAccessKey } = this.#options
    const search = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    const path = `${endpoint.replace(/\/+$/, '')}/${encodeURIComponent(bucket)}${key === '' ? '' : `/${key}`}`
    const url = search.length === 0 ? path : `${path}?${search.join('&')}`
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
        if (tries === TRIES || isLate(error)) throw error
      }
    }
  }
}

/** Whoever says nothing for so long is not asked again: somebody waits for us. */
function isLate(error: unknown): boolean {
  return error instanceof FetchError && error.failure === 'timeout'
}
