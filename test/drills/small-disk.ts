/** A file system of a few megabytes, to be filled and emptied again (Linux, as root). */
import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, open, rm, rmdir } from 'node:fs/promises'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export class SmallDisk implements AsyncDisposable {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async mount(mebibytes: number): Promise<SmallDisk> {
    const folder = await mkdtemp(join(tmpdir(), 'domovoi-disk-'))
    await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder])
    return new SmallDisk(folder)
  }

  path(name: string): string {
    return join(this.#folder, name)
  }

  /** Takes all the room that there is. */
  async fill(): Promise<void> {
    await using file = await open(this.path('filler'), 'a')
    for (let size = 1024 * 1024; size >= 1024; size /= 2) {
      const block = Buffer.alloc(size)
      while (await fits(file.write(block)));
    }
  }

  async makeRoom(): Promise<void> {
    await rm(this.path('filler'), { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('umount', ['--lazy', this.#folder])
    await rmdir(this.#folder)
  }
}

async function fits(writing: Promise<{ readonly bytesWritten: number }>): Promise<boolean> {
  try {
    return (await writing).bytesWritten > 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false
    throw error
  }
}

/** Why there can be none here; undefined where there can. */
export function smallDiskMissing(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'domovoi-disk-'))
  try {
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
    if (status !== 0) return 'needs Linux, and to be root, to mount a small disk'
    spawnSync('umount', [folder])
    return undefined
  } finally {
    rmdirSync(folder)
  }
}
