/** Emoji that Telegram's people have made, as pictures here. What moves is shown by its still picture. */
import { type Sticker, TelegramApiError } from 'node-telegram-bot-api'
import type { Database } from '../appservice/database.ts'
import type { Files } from './files.ts'
import { addFile, findFile } from './store/people.ts'
import { type Telegram, TooLargeError } from './telegram.ts'

/** Beside files, by a name that no file has. */
const nameOf = (id: string): string => `emoji ${id}`

/** What there is to be shown of a sticker by apps that show pictures only. */
export const stillOf = (sticker: Sticker): Sticker | Required<Sticker>['thumbnail'] =>
  sticker.is_animated || sticker.is_video ? (sticker.thumbnail ?? sticker) : sticker

export class CustomEmoji {
  readonly #telegram: Telegram
  readonly #files: Files
  readonly #database: Database

  constructor({ telegram, files, database }: { telegram: Telegram; files: Files; database: Database }) {
    this.#telegram = telegram
    this.#files = files
    this.#database = database
  }

  /** Their pictures, `mxc://…`, by id. Those that cannot be had are missing: then the usual emoji stands for them. */
  async of(ids: readonly string[]): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    const unknown: string[] = []
    for (const id of new Set(ids)) {
      const known = await findFile(this.#database, nameOf(id))
      if (known) found.set(id, known.mxc)
      else unknown.push(id)
    }
    for (const sticker of await this.#look(unknown)) {
      const id = sticker.custom_emoji_id
      const mxc = id === undefined ? undefined : await this.#upload(id, sticker)
      if (id !== undefined && mxc !== undefined) found.set(id, mxc)
    }
    return found
  }

  async #look(ids: readonly string[]): Promise<readonly Sticker[]> {
    if (ids.length === 0) return []
    try {
      return await this.#telegram.reader.getCustomEmojiStickers({ custom_emoji_ids: [...ids] })
    } catch (error) {
      if (error instanceof TelegramApiError) return []
      throw error
    }
  }

  async #upload(id: string, sticker: Sticker): Promise<string | undefined> {
    try {
      const { mxc } = await this.#files.toMatrix(stillOf(sticker), {
        kind: 'emoji picture',
        name: 'emoji.webp',
        type: 'image/webp',
      })
      const row = { unique_id: nameOf(id), file_id: id, kind: 'custom_emoji', mxc }
      await this.#database.transaction('telegram emoji', (tx) => addFile(tx, row))
      return mxc
    } catch (error) {
      if (error instanceof TooLargeError || error instanceof TelegramApiError) return undefined
      throw error
    }
  }
}
