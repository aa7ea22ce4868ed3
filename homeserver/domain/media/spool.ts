/**
 * Files on their way in. Each is written to a directory of its own kind under the key that it will have in the store,
 * and stays there until the database refers to that key. So whatever a crash leaves behind, in the store too, is found
 * by reading this one short directory.
 */
import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { diskFull, refuse, tooLarge } from '../../core/errors.ts'
import { hasCode } from '../../platform/caught.ts'
import type { Clock } from '../../platform/clock.ts'
import { removeFile } from './disk-store.ts'
import type { MediaStore } from './media-store.ts'

/** A whole file in the spool, safe on disk. */
export interface Spooled {
  readonly storageKey: string
  readonly path: string
  readonly size: number
  readonly sha256: string
}

/** Fewer, larger writes: each one is a trip to a thread. */
const WRITE_BYTES = 512 * 1024
/** Who sends slower than this blocks a place for nothing (T47). */
const SLOWEST_BYTES_PER_SECOND = 4096
const PATIENCE_MS = 30_000
/** Longer than what happens after the last write to a file in the spool: the transfer to the store, and the commit. */
const ABANDONED_MS = 30 * 60_000

export class Spool {
  readonly #directory: string
  readonly #store: MediaStore
  readonly #clock: Clock
  /** Keys that this process works on, so that a clock that jumps does not let the sweep take them away. */
  readonly #atWork = new Set<string>()

  private constructor(directory: string, store: MediaStore, clock: Clock) {
    this.#directory = directory
    this.#store = store
    this.#clock = clock
  }

  static async open(directory: string, { store, clock }: { store: MediaStore; clock: Clock }): Promise<Spool> {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    return new Spool(directory, store, clock)
  }

  /**
   * Reads `source` to its end. Throws `M_TOO_LARGE` as soon as it passes `maxBytes`, and then leaves nothing behind and
   * the rest of `source` unread.
   */
  async receive(source: Readable, maxBytes: number): Promise<Spooled> {
    const storageKey = randomBytes(16).toString('hex')
    const path = join(this.#directory, storageKey)
    this.#atWork.add(storageKey)
    try {
      return { storageKey, path, ...(await this.#write(path, source, maxBytes)) }
    } catch (error) {
      await this.discard({ storageKey, path })
      if (hasCode(error, 'ENOSPC', 'EDQUOT')) throw diskFull()
      throw error
    }
  }

  /** The same for bytes that are here already. */
  async receiveBytes(bytes: Buffer): Promise<Spooled> {
    return await this.receive(Readable.from([bytes]), bytes.length)
  }

  /**
   * Puts a file into the store and then has it recorded in the database. If `record` says no, the file is gone again;
   * if anything fails, the sweep looks which of the two has happened.
   */
  async keep(file: Spooled, record: () => Promise<boolean>): Promise<boolean> {
    try {
      await this.#store.put(file.storageKey, file.path, file)
      const recorded = await record()
      if (!recorded) await this.#store.delete(file.storageKey)
      await removeFile(file.path)
      return recorded
    } finally {
      this.#atWork.delete(file.storageKey)
    }
  }

  /** Takes away a file that is not in the store. */
  async discard({ storageKey, path }: { readonly storageKey: string; readonly path: string }): Promise<void> {
    await removeFile(path)
    this.#atWork.delete(storageKey)
  }

  /** Removes what nobody works on any more, and what it left in the store unless `isStored` knows it. Gives the number of files. */
  async sweep(isStored: (storageKey: string) => Promise<boolean>): Promise<number> {
    let removed = 0
    for (const storageKey of await readdir(this.#directory)) {
      if (!/^[\da-f]{32}$/.test(storageKey) || this.#atWork.has(storageKey)) continue
      const path = join(this.#directory, storageKey)
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity })) // just now removed by its owner
      if (mtimeMs > this.#clock.now() - ABANDONED_MS) continue
      if (!(await isStored(storageKey))) await this.#store.delete(storageKey)
      await removeFile(path)
      removed++
    }
    return removed
  }

  async #write(path: string, source: Readable, maxBytes: number): Promise<{ size: number; sha256: string }> {
    await using file = await open(path, 'wx', 0o600)
    const hash = createHash('sha256')
    const batch: Buffer[] = []
    let size = 0
    let batched = 0
    const stopWatching = this.#watchPace(source, () => size)
    try {
      // Leaving the loop early must not close the connection: the refusal has to reach the client.
      for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        size += chunk.length
        if (size > maxBytes) throw tooLarge(`Files here may have ${maxBytes} bytes at most`)
        hash.update(chunk)
        batch.push(chunk)
        batched += chunk.length
        if (batched >= WRITE_BYTES) {
          await writeAll(file, batch.splice(0))
          batched = 0
        }
      }
      await writeAll(file, batch)
    } finally {
      stopWatching()
    }
    await file.sync()
    return { size, sha256: hash.digest('hex') }
  }

  #watchPace(source: Readable, received: () => number): () => void {
    let before = 0
    const watch = (): void => {
      const now = received()
      if (now - before < (SLOWEST_BYTES_PER_SECOND * PATIENCE_MS) / 1000) {
        source.destroy(refuse(408, 'M_UNKNOWN', 'The upload came too slowly'))
        return
      }
      before = now
      cancel = this.#clock.after(PATIENCE_MS, watch)
    }
    let cancel = this.#clock.after(PATIENCE_MS, watch)
    return () => cancel()
  }
}

async function writeAll(file: FileHandle, buffers: readonly Buffer[]): Promise<void> {
  if (buffers.length === 0) return
  const wanted = buffers.reduce((sum, { length }) => sum + length, 0)
  const { bytesWritten } = await file.writev(buffers)
  if (bytesWritten < wanted) await file.writeFile(Buffer.concat(buffers).subarray(bytesWritten)) // tells why it was short
}
