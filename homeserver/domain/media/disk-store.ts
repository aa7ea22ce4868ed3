/** Files in 256 directories, named by the first digits of their key. */
import { constants, copyFile, link, mkdir, open, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import type { ByteRange, MediaStore } from './media-store.ts'

/** Fewer, larger reads: each one is a trip to a thread. */
const READ_BYTES = 256 * 1024

export class DiskStore implements MediaStore {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  localPath(key: string): string {
    return join(this.#directory, key.slice(0, 2), key)
  }

  /** `path` has been synced; it gets a second name, and then the directory is synced. */
  async put(key: string, path: string): Promise<void> {
    const target = this.localPath(key)
    const directory = dirname(target)
    if (await mkdir(directory, { recursive: true, mode: 0o700 })) await sync(this.#directory)
    try {
      await link(path, target)
    } catch (error) {
      if (!hasCode(error, 'EPERM', 'ENOTSUP', 'EXDEV', 'EMLINK')) throw error
      await copyFile(path, target, constants.COPYFILE_EXCL) // a file system without links, such as exFAT
      await sync(target)
    }
    await sync(directory)
  }

  async get(key: string, range?: ByteRange): Promise<Readable | undefined> {
    try {
      const file = await open(this.localPath(key))
      return file.createReadStream({ ...range, highWaterMark: READ_BYTES })
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined
      throw error
    }
  }

  async delete(key: string): Promise<void> {
    await removeFile(this.localPath(key))
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

export function hasCode(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as { code?: string }).code ?? '')
}
