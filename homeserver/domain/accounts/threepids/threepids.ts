/** E-mail addresses and telephone numbers of accounts. https://spec.matrix.org/v1.19/client-server-api/#adding-account-administrative-contact-information */
import { refuse, tooLarge } from '../../../core/errors.ts'
import type { ServerName, UserId } from '../../../core/ids.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Background } from '../../../platform/lifecycle.ts'
import type { Database } from '../../../storage/database.ts'
import {
  addThreePid,
  findThreePid,
  listThreePids,
  removeThreePid,
  removeThreePidsOf,
  removeValidation,
  type ThreePid,
  type UserThreePid,
} from '../../../storage/threepids.ts'
import { maxThreePids } from '../../limits.ts'
import type { Departure } from '../hooks.ts'
import { changeLetter } from './letters.ts'
import type { Mailer } from './mailer.ts'
import type { Credentials, Validations } from './validations.ts'

export interface ThreePidsParts {
  readonly database: Database
  readonly clock: Clock
  readonly background: Background
  readonly serverName: ServerName
  readonly mailer: Mailer
  readonly validations: Validations
}

export class ThreePids implements Departure {
  readonly #parts: ThreePidsParts

  constructor(parts: ThreePidsParts) {
    this.#parts = parts
  }

  async list(userId: UserId): Promise<UserThreePid[]> {
    return await listThreePids(this.#parts.database, userId)
  }

  /** Whose address it is. */
  async ownerOf(threePid: ThreePid): Promise<UserId | undefined> {
    return (await findThreePid(this.#parts.database, threePid))?.userId
  }

  /** Uses the proof up. Throws `M_THREEPID_AUTH_FAILED`, and `M_THREEPID_IN_USE` if it is another's. */
  async add(userId: UserId, credentials: Credentials, purpose: 'add' | 'register' = 'add'): Promise<void> {
    const { database, clock, validations } = this.#parts
    const { sid, medium, address, validatedTs } = await validations.proved(credentials, purpose)
    const before = await this.list(userId)
    if (before.length >= maxThreePids) throw tooLarge(`An account has at most ${maxThreePids} addresses`)
    await database.transaction('add an address', async (tx) => {
      await removeValidation(tx, sid)
      const added = await addThreePid(tx, { medium, address, userId, validatedTs, addedTs: clock.now() })
      const owner = added ? userId : (await findThreePid(tx, { medium, address }))?.userId
      if (owner !== userId) throw refuse(400, 'M_THREEPID_IN_USE', 'This address belongs to another account')
    })
    this.#tell(before, 'address added')
  }

  /** Does nothing for an address that is not theirs. */
  async remove(userId: UserId, threePid: ThreePid): Promise<void> {
    const before = await this.list(userId)
    await this.#parts.database.transaction('remove an address', (tx) => removeThreePid(tx, userId, threePid))
    this.#tell(
      before.filter(({ medium, address }) => medium === threePid.medium && address === threePid.address),
      'address removed',
    )
  }

  async passwordChanged(userId: UserId): Promise<void> {
    this.#tell(await this.list(userId), 'password')
  }

  async leave(userId: UserId): Promise<void> {
    await this.#parts.database.transaction('forget addresses', (tx) => removeThreePidsOf(tx, userId))
  }

  /** So that nobody loses an account without a word (T65). */
  #tell(threePids: readonly ThreePid[], what: Parameters<typeof changeLetter>[2]): void {
    const { background, mailer, serverName } = this.#parts
    if (!mailer.isOn) return
    for (const { medium, address } of threePids) {
      if (medium === 'email')
        background.run('tell of a change', () => mailer.send(changeLetter(address, serverName, what)))
    }
  }
}
