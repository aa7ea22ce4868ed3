/** Files in 256 directories, named by the first digits of their key. */
import { constants, copyFile, type FileHandle, link, mkdir, open, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { hasCode } from '../../platform/caught.ts'
import type { ByteRange, MediaPieces, MediaStore } from './media-store.ts'

/** What is read at once. Each read is a trip to a thread; on the other hand slow clients keep that much memory busy. */
const READ_BYTES = 256 * 1024
/** So many buffers are used again. Fresh ones of this size keep the garbage collector busier than reading does the disk. */
const SPARE_BUFFERS = 8

export class DiskStore implements MediaStore {
  readonly #directory: string
  readonly #spare: Buffer[] = []

  constructor(directory: string) {
    this.#directory = directory
  }

  localPath(key: string): string {
    return join(this.#directory, key.slice(0, 2), key)
  }

  /** `path` has been synced; it gets a second name, and then the directory is synced. */
  async put(key: string, path: string): Promise<void> {
    const target = this.localPath(key)
    try {
      await linkOrCopy(path, target)
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error
      await this.#makeDirectories()
      await linkOrCopy(path, target)
    }
    await sync(dirname(target))
  }

  async get(key: string, range: ByteRange): Promise<MediaPieces | undefined> {
    try {
      return this.#read(await open(this.localPath(key)), range)
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined
      throw error
    }
  }

  /** All at once, by the first file: one by one they would cost the first thousand files a sync each. */
  async #makeDirectories(): Promise<void> {
    const names = Array.from({ length: 256 }, (_, n) => n.toString(16).padStart(2, '0'))
    const options = { recursive: true, mode: 0o700 }
    await Promise.all(names.map((name) => mkdir(join(this.#directory, name), options)))
    await sync(this.#directory)
  }

  async *#read(file: FileHandle, { start, end }: ByteRange): AsyncGenerator<Buffer, void> {
    const buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES)
    try {
      for (let at = start; at <= end;) {
        const { bytesRead } = await file.read(buffer, 0, Math.min(READ_BYTES, end - at + 1), at)
        if (bytesRead === 0) throw new Error('A file in the store is shorter than it was')
        yield buffer.subarray(0, bytesRead)
        at += bytesRead
      }
    } finally {
      if (this.#spare.length < SPARE_BUFFERS) this.#spare.push(buffer)
      await file.close()
    }
  }

  async delete(key: string): Promise<void> {
    await removeFile(this.localPath(key))
  }
}

async function linkOrCopy(path: string, target: string): Promise<void> {
  try {
    await link(path, target)
  } catch (error) {
    if (!hasCode(error, 'EPERM', 'ENOTSUP', 'EXDEV', 'EMLINK')) throw error
    await copyFile(path, target, constants.COPYFILE_EXCL) // a file system without links, such as exFAT
    await sync(target)
  }
}

/** Deletes a file that may be gone already. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  }
}

async function sync(path: string): Promise<void> {
  await using file = await open(path)
  await file.sync()
}
