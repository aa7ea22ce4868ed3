import type { UserId } from '../../core/ids.ts'
import { removeCrossSigningKeys, removeUserSignaturesBy, usages } from '../../storage/cross-signing.ts'
import type { Database } from '../../storage/database.ts'
import { removeBackups } from '../../storage/key-backup.ts'
import type { Departure } from '../accounts/hooks.ts'
import type { DeviceLists } from './device-lists.ts'

/** When an account ends, its keys and key backups go. Its devices went before, with what belongs to them. */
export class KeysDeparture implements Departure {
  readonly #database: Database
  readonly #deviceLists: DeviceLists

  constructor({ database, deviceLists }: { database: Database; deviceLists: DeviceLists }) {
    this.#database = database
    this.#deviceLists = deviceLists
  }

  async leave(userId: UserId): Promise<void> {
    await this.#database.transaction('drop keys', async (tx) => {
      await removeCrossSigningKeys(tx, userId, usages)
      await removeUserSignaturesBy(tx, userId)
      await removeBackups(tx, userId)
      await this.#deviceLists.announce(tx, userId, { crossSigning: true })
    })
  }
}
