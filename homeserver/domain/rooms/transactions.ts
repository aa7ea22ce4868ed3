/**
 * A request repeated under the same transaction id gives the same event, also while the first is still at work and after
 * a restart. https://spec.matrix.org/v1.19/client-server-api/#transaction-identifiers
 */
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { Lru } from '../../platform/lru.ts'
import type { Database } from '../../storage/database.ts'
import { listTransactions } from '../../storage/events.ts'

/** How long a client may take to repeat a request. */
const REPEAT_WITHIN_MS = 24 * 60 * 60 * 1000
/** Devices whose transaction ids are in memory, and ids of each. */
const MAX_DEVICES = 5_000
const MAX_IDS = 2_000

type Known = Map<string, Promise<EventId>>

export class Transactions {
  readonly #database: Database
  readonly #clock: Clock
  readonly #devices = new Lru<string, Promise<Known>>(MAX_DEVICES)

  constructor({ database, clock }: { database: Database; clock: Clock }) {
    this.#database = database
    this.#clock = clock
  }

  /** Runs `make` unless this device has made an event in this room under this id; then gives that event. */
  async once(
    sender: UserId,
    device: string,
    roomId: RoomId,
    id: string,
    make: () => Promise<EventId>,
  ): Promise<EventId> {
    const known = await this.#known(sender, device)
    const key = keyOf(roomId, id)
    const before = known.get(key)
    if (before) return await before
    const making = make()
    known.set(key, making)
    // Ids pushed out are those of events long since answered.
    if (known.size > MAX_IDS) known.delete(known.keys().next().value ?? key)
    try {
      return await making
    } catch (error) {
      known.delete(key)
      throw error
    }
  }

  #known(sender: UserId, device: string): Promise<Known> {
    const key = `${sender} ${device}`
    const cached = this.#devices.get(key)
    if (cached) return cached
    const loading = this.#load(sender, device)
    this.#devices.set(key, loading)
    loading.catch(() => this.#devices.delete(key))
    return loading
  }

  async #load(sender: UserId, device: string): Promise<Known> {
    const rows = await listTransactions(this.#database, sender, device, this.#clock.now() - REPEAT_WITHIN_MS)
    return new Map(rows.map((row) => [keyOf(row.room_id, row.txn_id), Promise.resolve(row.event_id)]))
  }
}

function keyOf(roomId: RoomId, id: string): string {
  return `${roomId} ${id}`
}
