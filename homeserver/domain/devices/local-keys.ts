/** The keys that users of this server show: what is stored here, and before it what those say who keep keys themselves. */
import type { UserId } from '../../core/ids.ts'
import { listCrossSigningKeys } from '../../storage/cross-signing.ts'
import type { Database } from '../../storage/database.ts'
import { listDeviceKeys } from '../../storage/device-keys.ts'
import type { KeptKeys, KeyKeeper } from './hooks.ts'
import type { WantedKeys } from './key-directory.ts'

const none: KeptKeys = { devices: [], crossSigning: [] }

export class LocalKeys {
  readonly #database: Database
  readonly #keepers: readonly KeyKeeper[]

  constructor({ database, keepers }: { database: Database; keepers: readonly KeyKeeper[] }) {
    this.#database = database
    this.#keepers = keepers
  }

  /** Also of users of other servers whose keys are stored here. */
  async of(userIds: readonly UserId[], wanted: WantedKeys): Promise<KeptKeys> {
    const [said, devices, crossSigning] = await Promise.all([
      this.#ask(userIds, wanted),
      listDeviceKeys(this.#database, userIds),
      listCrossSigningKeys(this.#database, userIds),
    ])
    if (said === none) return { devices, crossSigning }
    return {
      devices: merged(said.devices, devices, ({ userId, deviceId }) => `${userId}\0${deviceId}`),
      crossSigning: merged(said.crossSigning, crossSigning, ({ userId, usage }) => `${userId}\0${usage}`),
    }
  }

  async #ask(userIds: readonly UserId[], wanted: WantedKeys): Promise<KeptKeys> {
    const [keeper] = this.#keepers
    const kept = keeper ? userIds.filter((userId) => keeper.keeps(userId)) : []
    if (!keeper || kept.length === 0) return none
    return await keeper.query(new Map(kept.map((userId) => [userId, wanted[userId] ?? []])))
  }
}

/** All of the first, and those of the others that are not among them. */
function merged<Key>(first: readonly Key[], others: readonly Key[], nameOf: (key: Key) => string): Key[] {
  const known = new Set(first.map(nameOf))
  return [...first, ...others.filter((key) => !known.has(nameOf(key)))]
}
