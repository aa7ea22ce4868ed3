/** Keys of other servers' users for ours: from what is kept here where that is up to date, else from their servers. */
import { MatrixError } from '../../../core/errors.ts'
import { serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import { NoSlotError, Slots } from '../../../platform/slots.ts'
import type { Database } from '../../../storage/database.ts'
import type { Claim, ClaimedKey } from '../../../storage/one-time-keys.ts'
import { listRemoteLists } from '../../../storage/remote-device-lists.ts'
import type { KeyFailures, RemoteKeyAnswer, RemoteKeys } from '../../devices/hooks.ts'
import { askKeys, askOneTimeKeys, type KeyClient } from './ask-keys.ts'
import type { RemoteDeviceLists } from './remote-device-lists.ts'
import type { KeysOfUser } from './said-keys.ts'
import type { SharedRooms } from './shared-rooms.ts'

/** Servers asked at one time, for all users together. */
const CONCURRENT = 64
const MAX_WAITING = 10_000

export interface FederatedKeysParts {
  readonly database: Database
  readonly client: KeyClient
  readonly lists: RemoteDeviceLists
  readonly sharedRooms: SharedRooms
}

export class FederatedKeys implements RemoteKeys {
  readonly #parts: FederatedKeysParts
  readonly #slots = new Slots({ perKey: CONCURRENT, maxWaiting: MAX_WAITING })
  /** Questions under way: who has the same gets the same answer. */
  readonly #asking = new Map<string, Promise<void>>()

  constructor(parts: FederatedKeysParts) {
    this.#parts = parts
  }

  async query(userIds: readonly UserId[], timeoutMs: number): Promise<RemoteKeyAnswer> {
    const { database, sharedRooms } = this.#parts
    const [lists, sharing] = await Promise.all([listRemoteLists(database, userIds), sharedRooms.sharing(userIds)])
    const fresh = new Set(lists.filter(({ isStale }) => !isStale).map(({ userId }) => userId))
    const stored = userIds.filter((userId) => sharing.has(userId) && fresh.has(userId))
    const strangers: KeysOfUser[] = []
    const asked = userIds.filter((userId) => !sharing.has(userId) || !fresh.has(userId))
    const failures = await this.#ofServers(
      asked,
      (userId) => userId,
      async (server, users) => {
        const known = users.filter((userId) => sharing.has(userId))
        const unknown = users.filter((userId) => !sharing.has(userId))
        await Promise.all([
          known.length > 0 ? this.#fetch(server, known, timeoutMs) : undefined,
          unknown.length > 0 ? this.#ask(server, unknown, timeoutMs, strangers) : undefined,
        ])
        for (const userId of known) stored.push(userId)
      },
    )
    return {
      stored,
      strangers: strangers.map(({ userId }) => userId),
      devices: strangers.flatMap(({ devices }) => devices),
      crossSigning: strangers.flatMap(({ crossSigning }) => crossSigning),
      failures,
    }
  }

  async claim(
    claims: readonly Claim[],
    timeoutMs: number,
  ): Promise<{ keys: readonly ClaimedKey[]; failures: KeyFailures }> {
    const keys: ClaimedKey[] = []
    const failures = await this.#ofServers(
      claims,
      ({ userId }) => userId,
      async (server, ofServer) => {
        for (const key of await askOneTimeKeys(this.#parts.client, server, ofServer, { timeoutMs })) keys.push(key)
      },
    )
    return { keys, failures }
  }

  async #ask(server: ServerName, userIds: readonly UserId[], timeoutMs: number, answers: KeysOfUser[]): Promise<void> {
    for (const answer of await askKeys(this.#parts.client, server, userIds, { timeoutMs })) answers.push(answer)
  }

  /** Brings what is kept here up to date. */
  async #fetch(server: ServerName, userIds: readonly UserId[], timeoutMs: number): Promise<void> {
    const question = userIds.join(' ')
    const running = this.#asking.get(question)
    if (running) return await running
    const started = this.#fetchNow(server, userIds, timeoutMs).finally(() => this.#asking.delete(question))
    this.#asking.set(question, started)
    await started
  }

  async #fetchNow(server: ServerName, userIds: readonly UserId[], timeoutMs: number): Promise<void> {
    const { client, lists } = this.#parts
    const begun = await lists.begin(userIds)
    const answers = await askKeys(client, server, userIds, { timeoutMs })
    await lists.keep(answers.map((keys) => ({ keys, begun: begun.get(keys.userId) ?? { version: 0, isNew: true } })))
  }

  /** Does the work for each server, and tells which could not be asked. */
  async #ofServers<T>(
    items: readonly T[],
    userOf: (item: T) => UserId,
    work: (server: ServerName, items: readonly T[]) => Promise<void>,
  ): Promise<KeyFailures> {
    const failures: Record<ServerName, { status: number; message: string }> = {}
    const byServer = Map.groupBy(items, (item) => serverNameOf(userOf(item)))
    await Promise.all(
      [...byServer].map(async ([server, ofServer]) => {
        try {
          await this.#slots.run('', () => work(server, ofServer))
        } catch (error) {
          if (error instanceof NoSlotError) failures[server] = { status: 503, message: 'Too many servers are asked' }
          else if (error instanceof MatrixError) failures[server] = { status: error.status, message: error.message }
          else throw error
        }
      }),
    )
    return failures
  }
}
