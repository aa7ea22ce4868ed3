/** The log on the disk: everything in one file, errors in another one too, each put aside when it has grown large. */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export interface LogFilesOptions {
  readonly directory: string
  /** Bytes at which a file is put aside. */
  readonly maxSize: number
  /** Files of each kind that are kept beside the one that is written. */
  readonly keep: number
}

/** Lines are written at once and not later: those before a fault are what somebody wants to read. */
export class LogFiles {
  readonly #all: RotatedFile
  readonly #errors: RotatedFile

  /** Throws where the files cannot be opened. */
  constructor({ directory, ...limits }: LogFilesOptions) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.#all = new RotatedFile(join(directory, 'domovoi.log'), limits)
    this.#errors = new RotatedFile(join(directory, 'error.log'), limits)
  }

  write(line: string, { isError }: { readonly isError: boolean }): void {
    this.#all.write(line)
    if (isError) this.#errors.write(line)
  }

  close(): void {
    this.#all.close()
    this.#errors.close()
  }
}

class RotatedFile {
  readonly #path: string
  readonly #limits: Omit<LogFilesOptions, 'directory'>
  #file: number
  #size: number

  constructor(path: string, limits: Omit<LogFilesOptions, 'directory'>) {
    this.#path = path
    this.#limits = limits
    this.#file = openSync(path, 'a', 0o600)
    this.#size = fstatSync(this.#file).size
  }

  /** Never throws: what a full disk does not take is lost here, and still on standard output. */
  write(line: string): void {
    try {
      const bytes = Buffer.byteLength(line)
      if (this.#size > 0 && this.#size + bytes > this.#limits.maxSize) this.#rotate()
      writeSync(this.#file, line)
      this.#size += bytes
    } catch {
      // the next line may get there again
    }
  }

  close(): void {
    closeSync(this.#file)
  }

  /** `log` becomes `log.1`, that becomes `log.2`, and so on; the last one goes. */
  #rotate(): void {
    const { keep } = this.#limits
    const aside = (n: number): string => (n === 0 ? this.#path : `${this.#path}.${n}`)
    rmSync(aside(keep), { force: true })
    for (let n = keep - 1; n >= 0; n--) renameIfThere(aside(n), aside(n + 1))
    const next = openSync(this.#path, 'a', 0o600)
    closeSync(this.#file)
    this.#file = next
    this.#size = fstatSync(next).size
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error // what node:fs throws
  }
}
