/** Files in the hands of administrators: looked through and removed. */
import { notFound } from '../../core/errors.ts'
import type { UserId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import {
  findListedMedia,
  type ListedMedia,
  listMediaOf,
  listMediaUsage,
  type MediaSelection,
  type MediaUsage,
  mediaUsageOrders,
  type MediaUsageQuery,
  removeMedia,
  setProtected,
  setQuarantine,
} from '../../storage/media-list.ts'
import type { Mxc } from '../../storage/media.ts'
import type { MediaStore } from './media-store.ts'

export { mediaUsageOrders }
export type { ListedMedia, MediaSelection }

const AT_ONCE = 100

export class MediaAdmin {
  readonly #database: Database
  readonly #store: MediaStore

  constructor({ database, store }: { database: Database; store: MediaStore }) {
    this.#database = database
    this.#store = store
  }

  async listOf(
    userId: UserId,
    page: { from: number; limit: number },
  ): Promise<{ media: ListedMedia[]; total: number }> {
    return await listMediaOf(this.#database, userId, page)
  }

  async usage(query: MediaUsageQuery): Promise<{ users: MediaUsage[]; total: number }> {
    return await listMediaUsage(this.#database, query)
  }

  /** Throws `M_NOT_FOUND`. */
  async get(mxc: Mxc): Promise<ListedMedia> {
    const found = await findListedMedia(this.#database, mxc)
    if (!found) throw notFound('There is no such file')
    return found
  }

  /** Keeps a file, or all of a user, from everybody, with all that are the same; undefined gives them back. Gives their number. */
  async quarantine(
    which: { readonly mxc: Mxc } | { readonly userId: UserId },
    by: UserId | undefined,
  ): Promise<number> {
    return await this.#database.transaction('quarantine files', (tx) => setQuarantine(tx, which, by))
  }

  /** Lets nobody quarantine a file, or anybody again. Throws `M_NOT_FOUND`. */
  async protect(mxc: Mxc, isProtected: boolean): Promise<void> {
    const isThere = await this.#database.transaction('protect a file', (tx) => setProtected(tx, mxc, isProtected))
    if (!isThere) throw notFound('There is no such file')
  }

  /** Removes all files that fit, `most` at most, with their thumbnails, and gives their ids. */
  async remove(selection: MediaSelection, { most = Infinity }: { most?: number | undefined } = {}): Promise<string[]> {
    const removed: string[] = []
    for (;;) {
      const { mediaIds, storageKeys } = await this.#database.transaction('remove media', (tx) =>
        removeMedia(tx, selection, Math.min(AT_ONCE, most - removed.length)),
      )
      for (const key of storageKeys) await this.#store.delete(key)
      for (const mediaId of mediaIds) removed.push(mediaId)
      if (mediaIds.length === 0 || removed.length >= most) return removed
    }
  }
}
