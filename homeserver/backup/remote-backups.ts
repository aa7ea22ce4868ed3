/** Backups in an S3-compatible service: beside those on the disk, with the same names. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { Config } from '../config/schema.ts'
import { openBucket } from '../domain/media/open-bucket.ts'
import type { Clock } from '../platform/clock.ts'
import { type S3Bucket, type S3Call, uploadTimeoutMs } from '../platform/s3.ts'
import { isBackupName, isBackupOf } from './make.ts'
import { BackupError } from './restore.ts'

/** What names of backups in the service begin with, for people. */
export const REMOTE = 's3:'

/** Services take no more than 5 GiB at once, and 10,000 parts. */
const PART_BYTES = 64 * 1024 * 1024

export interface RemoteBackupsOptions {
  readonly bucket: S3Bucket
  readonly server: string
  readonly partBytes?: number
}

export class RemoteBackups implements Disposable {
  readonly #bucket: S3Bucket
  readonly #server: string
  readonly #partBytes: number

  constructor({ bucket, server, partBytes = PART_BYTES }: RemoteBackupsOptions) {
    this.#bucket = bucket
    this.#server = server
    this.#partBytes = partBytes
  }

  /** Undefined where the settings name no bucket for backups. */
  static async open(
    { backup, outgoing, server_name: server }: Config,
    clock: Clock,
  ): Promise<RemoteBackups | undefined> {
    if (backup.s3.bucket === undefined) return undefined
    return new RemoteBackups({ bucket: await openBucket(backup.s3, { outgoing, clock }), server })
  }

  [Symbol.dispose](): void {
    this.#bucket.close()
  }

  /** Names of the backups of this server, the oldest first. Throws `BackupError`, as all of these do. */
  async list(): Promise<string[]> {
    const names: string[] = []
    for (let token: string | undefined = ''; token !== undefined;) {
      const query = { 'list-type': '2', ...(token === '' ? {} : { 'continuation-token': token }) }
      const page: string = await text(await this.#ask('GET', '', { query }))
      names.push(...elements(page, 'Key'))
      token = elements(page, 'NextContinuationToken')[0]
    }
    return names.filter((name) => isBackupOf(this.#server, name)).toSorted()
  }

  /** Under its own name, whole or not at all. */
  async put(path: string): Promise<string> {
    const name = basename(path)
    const { size } = await stat(path)
    if (size <= this.#partBytes) await this.#upload(name, path, { start: 0, size })
    else await this.#putParts(name, path, size)
    return name
  }

  /** Brings one to a directory and gives its path. */
  async get(name: string, directory: string): Promise<string> {
    if (!isBackupName(name)) throw new BackupError(`${name} is not the name of a backup`)
    const path = join(directory, name)
    try {
      await pipeline(await this.#ask('GET', name), createWriteStream(path, { mode: 0o600, flags: 'wx' }))
    } catch (error) {
      await rm(path, { force: true })
      throw error
    }
    return path
  }

  /** Keeps the newest, and gives the names of those it has removed. */
  async prune(keep: number): Promise<string[]> {
    const old = (await this.list()).slice(0, -keep)
    for (const name of old) (await this.#ask('DELETE', name)).resume()
    return old
  }

  async #putParts(name: string, path: string, size: number): Promise<void> {
    const [uploadId = ''] = elements(await text(await this.#ask('POST', name, { query: { uploads: '' } })), 'UploadId')
    try {
      const parts: string[] = []
      for (let start = 0; start < size; start += this.#partBytes) {
        const partNumber = String(parts.length + 1)
        const part = { start, size: Math.min(this.#partBytes, size - start) }
        const etag = await this.#upload(name, path, part, { partNumber, uploadId })
        parts.push(`<Part><PartNumber>${partNumber}</PartNumber><ETag>${etag}</ETag></Part>`)
      }
      const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`
      const sha256 = createHash('sha256').update(body).digest('hex')
      const call = { query: { uploadId }, body: () => body, sha256, timeoutMs: uploadTimeoutMs(size) }
      const answer = await text(await this.#ask('POST', name, call))
      // It may begin its answer with 200 before it knows.
      if (answer.includes('<Error>')) throw new BackupError(`S3 did not put ${name} together: ${codeIn(answer)}`)
    } catch (error) {
      await this.#ask('DELETE', name, { query: { uploadId } }).then(
        (body) => body.resume(),
        () => undefined, // what went wrong first is what is told
      )
      throw error
    }
  }

  /** Gives the tag of what was stored, as XML has it. */
  async #upload(
    name: string,
    path: string,
    { start, size }: { readonly start: number; readonly size: number },
    query: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const read = () => createReadStream(path, { start, end: start + size - 1, highWaterMark: 256 * 1024 })
    const hash = createHash('sha256')
    for await (const piece of read()) hash.update(piece as Buffer) // no encoding is set
    const { body, headers } = await this.#answer('PUT', name, {
      query,
      headers: { 'content-length': String(size), 'content-type': 'application/octet-stream' },
      body: read,
      sha256: hash.digest('hex'),
      timeoutMs: uploadTimeoutMs(size),
    })
    body.resume()
    return (headers['etag'] ?? '').replaceAll('"', '&quot;')
  }

  async #ask(method: string, name: string, call?: S3Call) {
    return (await this.#answer(method, name, call)).body
  }

  async #answer(method: string, name: string, call?: S3Call) {
    const answer = await this.#bucket.send(method, name, call).catch((cause: unknown) => {
      throw new BackupError(`S3 does not answer: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    })
    if (answer.status < 300) return answer
    const code = codeIn(await text(answer.body))
    if (method === 'GET' && name !== '' && answer.status === 404) throw new BackupError(`There is no ${REMOTE}${name}`)
    throw new BackupError(`S3 answers ${answer.status}${code && ` (${code})`} to ${method} of ${name || 'the bucket'}`)
  }
}

/** The texts of all elements of a name in an answer, which is XML without surprises. */
function elements(xml: string, name: string): string[] {
  const found = xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))
  return [...found].map(([, content = '']) =>
    content.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'),
  )
}

const codeIn = (xml: string): string => elements(xml, 'Code')[0] ?? ''
