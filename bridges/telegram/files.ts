/** Files that go from one world to the other. One that is in both is not sent twice. */
import type { Matrix } from './matrix.ts'
import type { Database } from './store/database.ts'
import { addFile, findFile } from './store/people.ts'
import type { Telegram } from './telegram.ts'

export interface TelegramFile {
  readonly file_id: string
  readonly file_unique_id: string
  readonly file_size?: number
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

  /** Throws `TooLargeError`. */
  async toMatrix(
    file: TelegramFile,
    { kind, name, type }: { kind: string; name: string; type: string },
  ): Promise<{ mxc: string }> {
    const known = await findFile(this.#database, file.file_unique_id)
    if (known) return known
    const mxc = await this.#matrix.upload(await this.#telegram.download(file), type, name)
    const row = { unique_id: file.file_unique_id, file_id: file.file_id, kind, mxc }
    await this.#database.transaction('telegram file', (tx) => addFile(tx, row))
    return row
  }
}
