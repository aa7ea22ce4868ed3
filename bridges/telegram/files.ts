/** Files that go from one world to the other. One that is in both is not sent twice. */
import { createHash } from 'node:crypto'
import type { Database } from '../appservice/database.ts'
import { errcodeOf, type Matrix } from './matrix.ts'
import { addFile, findFile } from './store/people.ts'
import { type Telegram, TooLargeError } from './telegram.ts'

export interface TelegramFile {
  readonly file_id: string
  readonly file_unique_id: string
  readonly file_size?: number
}

export interface FileShape {
  readonly kind: string
  readonly name: string
  readonly type: string
}

/** How a file is changed on its way; `name` tells what becomes of it from the file itself. */
export interface FileChange {
  readonly name: string
  readonly make: (bytes: Buffer) => Promise<Buffer>
}

export class Files {
  readonly #matrix: Matrix
  readonly #telegram: Telegram
  readonly #database: Database

  constructor(parts: { matrix: Matrix; telegram: Telegram; database: Database }) {
    this.#matrix = parts.matrix
    this.#telegram = parts.telegram
    this.#database = parts.database
  }

  /** Throws `TooLargeError`, also where the homeserver takes nothing as large, and what `change` throws. */
  async toMatrix(
    file: TelegramFile,
    { kind, name, type }: FileShape,
    change?: FileChange,
  ): Promise<{ readonly mxc: string }> {
    const id = change ? `${change.name} ${file.file_unique_id}` : file.file_unique_id
    const known = await findFile(this.#database, id)
    if (known) return known
    const bytes = await this.#telegram.download(file)
    const mxc = await uploaded(this.#matrix, change ? await change.make(bytes) : bytes, type, name)
    const row = { unique_id: id, file_id: file.file_id, kind, mxc }
    await this.#database.transaction('telegram file', (tx) => addFile(tx, row))
    return row
  }

  /** What Telegram has as no file: the same once. Throws `TooLargeError` where the homeserver takes nothing as large. */
  async put(bytes: Buffer, type: string, name: string): Promise<string> {
    const id = `bytes ${createHash('sha256').update(bytes).digest('base64url')}`
    const known = await findFile(this.#database, id)
    if (known) return known.mxc
    const mxc = await uploaded(this.#matrix, bytes, type, name)
    await this.#database.transaction('telegram file', (tx) =>
      addFile(tx, { unique_id: id, file_id: '', kind: name, mxc }),
    )
    return mxc
  }
}

/** The address of a new file of the homeserver. Throws `TooLargeError` where it takes nothing as large. */
export async function uploaded(matrix: Matrix, bytes: Buffer, type: string, name: string): Promise<string> {
  try {
    return await matrix.upload(bytes, type, name)
  } catch (error) {
    if (errcodeOf(error) !== 'M_TOO_LARGE') throw error
    throw new TooLargeError('larger than the homeserver takes', { cause: error })
  }
}
