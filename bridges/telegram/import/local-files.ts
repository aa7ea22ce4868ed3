/** The files of an export. What it names may lie nowhere else than in its directory. */
import { readFile, realpath, stat } from 'node:fs/promises'
import { extname, join, resolve, sep } from 'node:path'
import { Lru } from '../../../homeserver/platform/lru.ts'
import { type FileShape, type TelegramFile, uploaded } from '../files.ts'
import type { Matrix } from '../matrix.ts'
import { TooLargeError } from '../telegram.ts'

/** Stickers are said again and again. */
const MAX_KNOWN = 1_000

const types: Readonly<Record<string, string>> = {
  '.jpg': 'image/jpeg',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.mp4': 'video/mp4',
  '.webm': 'video/webm',
  '.ogg': 'audio/ogg',
  '.mp3': 'audio/mpeg',
}

export class LocalFiles {
  readonly #directory: string
  readonly #matrix: Matrix
  readonly #maxUpload: number
  readonly #known = new Lru<string, string>(MAX_KNOWN)

  private constructor(directory: string, matrix: Matrix, maxUpload: number) {
    this.#directory = directory
    this.#matrix = matrix
    this.#maxUpload = maxUpload
  }

  static async open(directory: string, matrix: Matrix, maxUpload: number): Promise<LocalFiles> {
    return new LocalFiles(await realpath(directory), matrix, maxUpload)
  }

  /** Whether the export holds it: where it does not, there are words in brackets in place of a path. */
  async has(path: string): Promise<boolean> {
    return (await this.#locate(path)) !== undefined
  }

  /** Throws `TooLargeError` for what the homeserver does not take. */
  async toMatrix({ file_id: path }: TelegramFile, { name, type }: FileShape): Promise<{ readonly mxc: string }> {
    const known = this.#known.get(path)
    if (known !== undefined) return { mxc: known }
    const place = await this.#locate(path)
    if (place === undefined) throw new Error(`${path} is not in the export any more`)
    if ((await stat(place)).size > this.#maxUpload) throw new TooLargeError('larger than the homeserver takes')
    const mxc = await this.put(await readFile(place), types[extname(path)] ?? type, name)
    this.#known.set(path, mxc)
    return { mxc }
  }

  /** Throws `TooLargeError` as well. */
  async put(bytes: Buffer, type: string, name: string): Promise<string> {
    return await uploaded(this.#matrix, bytes, type, name)
  }

  async #locate(path: string): Promise<string | undefined> {
    try {
      const place = await realpath(resolve(join(this.#directory, path)))
      if (!place.startsWith(this.#directory + sep)) return undefined
      return (await stat(place)).isFile() ? place : undefined
    } catch {
      return undefined
    }
  }
}
