/**
 * Long answers that their clients have not read yet (T47), and those that are being made: only some at a time. A part of them waits in memory; what comes on top waits in files
 * without a name, so that slow clients cannot fill the memory, however many there are. When there is too much of that, too,
 * the one that has waited for the longest is broken off.
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { diskFull } from '../core/errors.ts'
import { hasCode } from '../platform/caught.ts'
import type { Metrics } from '../platform/metrics.ts'
import { Slots } from '../platform/slots.ts'
import type { Pieces } from './endpoint.ts'

/** Shorter ones are not counted: the system takes as much from us at once. */
const LONG_BYTES = 64 * 1024
const MEMORY_BYTES = 16 * 1024 * 1024
const FILES_BYTES = 2 * 1024 * 1024 * 1024
const PIECE_BYTES = 64 * 1024
/** Answers that are made at once; more would only be in memory for longer. */
const MADE_AT_ONCE = 4
/** Who takes nothing for so long is gone. The system holds some MB of an answer itself, and goes on in large steps. */
const STALLED_MS = 15 * 60_000

export class UnreadAnswers {
  readonly #directory: string
  readonly #memoryBytes: number
  readonly #filesBytes: number
  #inMemory = 0
  #inFiles = 0
  /** Who waits is a connection, of which the system allows so many. */
  readonly #turns = new Slots({ perKey: MADE_AT_ONCE, maxWaiting: Infinity })
  readonly #making = new WeakMap<ServerResponse, () => void>()
  /** Those in files with their bytes, the oldest first. */
  readonly #files = new Map<ServerResponse, number>()

  constructor({
    directory,
    metrics,
    memoryBytes = MEMORY_BYTES,
    filesBytes = FILES_BYTES,
  }: {
    /** For the files. */
    readonly directory: string
    readonly metrics: Metrics
    readonly memoryBytes?: number
    readonly filesBytes?: number
  }) {
    this.#directory = directory
    this.#memoryBytes = memoryBytes
    this.#filesBytes = filesBytes
    metrics.observed(
      'http_unread_memory_bytes',
      'Long answers in memory that clients have not read',
      'gauge',
      () => this.#inMemory,
    )
    metrics.observed(
      'http_unread_file_bytes',
      'Long answers in files that clients have not read',
      'gauge',
      () => this.#inFiles,
    )
  }

  /** Resolves when it is the turn of an answer that will be long, which it has until `made`. Rejects when the signal is aborted. */
  async turn(response: ServerResponse, signal: AbortSignal): Promise<void> {
    const [begun, made] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const hold = async (): Promise<void> => {
      this.#making.set(response, made.resolve)
      response.once('close', made.resolve)
      begun.resolve()
      await made.promise
    }
    this.#turns.run('', hold, signal).catch(begun.reject)
    await begun.promise
    if (response.destroyed) made.resolve()
  }

  /** To be called for what is not kept: it is made, or is as its client takes it. */
  made(response: ServerResponse): void {
    this.#making.get(response)?.()
  }

  /**
   * What is to be sent instead of the body, which is the same bytes: itself, or pieces of a file, which must be read or
   * returned from. To be called before anything is sent. Throws `M_RESOURCE_LIMIT_EXCEEDED` if the disk is full.
   */
  async keep(response: ServerResponse, body: Buffer): Promise<Buffer | Pieces> {
    try {
      return await this.#kept(response, body)
    } finally {
      this.made(response)
    }
  }

  async #kept(response: ServerResponse, body: Buffer): Promise<Buffer | Pieces> {
    if (body.length < LONG_BYTES || response.destroyed) return body
    response.setTimeout(STALLED_MS) // then Node ends the connection
    if (this.#inMemory + body.length <= this.#memoryBytes) {
      this.#inMemory += body.length
      response.once('close', () => (this.#inMemory -= body.length))
      return body
    }
    while (this.#files.size > 0 && this.#inFiles + body.length > this.#filesBytes) this.#breakOffOldest()
    this.#files.set(response, body.length)
    this.#inFiles += body.length
    response.once('close', () => this.#forget(response))
    try {
      return piecesOf(await this.#write(body))
    } catch (error) {
      this.#forget(response)
      if (hasCode(error, 'ENOSPC', 'EDQUOT')) throw diskFull()
      throw error
    }
  }

  #breakOffOldest(): void {
    const [oldest] = this.#files.keys()
    if (!oldest) return
    this.#forget(oldest)
    oldest.destroy()
  }

  #forget(response: ServerResponse): void {
    this.#inFiles -= this.#files.get(response) ?? 0
    this.#files.delete(response)
  }

  /** The file has no name any more, so that nothing of it is left when the process dies. */
  async #write(body: Buffer): Promise<FileHandle> {
    const path = join(this.#directory, `answer-${randomBytes(8).toString('hex')}`)
    const file = await open(path, 'wx+', 0o600)
    try {
      await unlink(path)
      await file.writeFile(body)
      return file
    } catch (error) {
      await file.close()
      throw error
    }
  }
}

async function* piecesOf(file: FileHandle): AsyncGenerator<Buffer> {
  try {
    for (let at = 0; ;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES, at)
      if (bytesRead === 0) return
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}
