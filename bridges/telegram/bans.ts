/** People whom an admin has shut out of the bridge, on either side. */
import type { Clock } from '../../homeserver/platform/clock.ts'
import type { Database } from '../appservice/database.ts'
import { addBan, allBans, type Ban, removeBan } from './store/bans.ts'

export class Bans {
  readonly #database: Database
  readonly #clock: Clock
  #known: Promise<Set<string>> | undefined

  constructor({ database, clock }: { database: Database; clock: Clock }) {
    this.#database = database
    this.#clock = clock
  }

  /** `person` is a Matrix user, or the id of somebody in Telegram. */
  async has(person: string): Promise<boolean> {
    this.#known ??= this.list().then((bans) => new Set(bans.map((ban) => ban.person)))
    try {
      return (await this.#known).has(person)
    } catch (error) {
      this.#known = undefined
      throw error
    }
  }

  async list(): Promise<Ban[]> {
    return await allBans(this.#database)
  }

  async add(person: string, actor: string): Promise<void> {
    const ban = { person, actor, at: this.#clock.now() }
    await this.#database.transaction('telegram ban', (tx) => addBan(tx, ban))
    this.#known = undefined
  }

  /** Gives whether they were shut out. */
  async remove(person: string): Promise<boolean> {
    const wasThere = await this.#database.transaction('telegram ban', (tx) => removeBan(tx, person))
    this.#known = undefined
    return wasThere
  }
}
