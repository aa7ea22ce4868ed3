/**
 * The database is the log: every stream numbers its rows, and a reader that knows the positions can read what it missed.
 *
 * A writer reserves ids inside its transaction; commit or rollback completes them. The position of a stream is the
 * greatest id with nothing unfinished at or below it, so rows at or below a position never change and never appear late.
 */
import type { StreamName } from '../core/token.ts'
import type { Bell, Bus } from '../platform/bus.ts'
import { type Clock, systemClock } from '../platform/clock.ts'
import type { Database, Tx } from './database.ts'

/** The streams and the tables that hold them; `typing` lives in memory alone. */
export const streamTables = {
  events: 'events',
  receipts: 'receipts',
  account_data: 'account_data',
  presence: 'presence',
  to_device: 'to_device',
  device_lists: 'device_list_changes',
  push_rules: 'push_rules',
  typing: undefined,
  thread_subscriptions: 'thread_subscriptions',
  profiles: 'profile_changes',
  sticky_events: 'sticky_events',
} as const satisfies Record<StreamName, string | undefined>

/** Where the events ended in the backup that the database was put back from: a row of `stream_positions`. */
export const RESTORED_EVENTS = 'restored_events'
/** So far the streams are moved then: no server comes so far between two backups. */
export const RESTORE_JUMP = 1_000_000

/** One position for each stream. */
export type Positions = Readonly<Record<StreamName, number>>
/** Whom a change concerns: those that may have to wake up. */
export interface Concerned {
  readonly rooms?: readonly string[]
  readonly users?: readonly string[]
}

interface Reservation {
  readonly last: number
  keys: Concerned
  payload: unknown
  done: boolean
}

interface Head {
  /** The greatest id handed out here. */
  allocated: number
  position: number
  /** Not yet completed, or completed behind one that is not; in order of their ids. */
  readonly pending: Reservation[]
}

export class Streams {
  readonly #bus: Bus
  readonly #writer: string
  readonly #heads: Record<StreamName, Head>
  /** Where the events ended in the backup, if the database was put back from one. */
  readonly #restored: number | undefined
  #waiters: { readonly wanted: Partial<Positions>; readonly resolve: () => void }[] = []

  private constructor(bus: Bus, writer: string, heads: Record<StreamName, Head>, restored: number | undefined) {
    this.#bus = bus
    this.#writer = writer
    this.#heads = heads
    this.#restored = restored
    bus.subscribe((bell) => this.#heard(bell))
  }

  /** Reads where every stream stands. Ids handed out are unique as long as one process writes a stream. */
  static async open(
    database: Database,
    bus: Bus,
    { writer = 'main', clock = systemClock }: { writer?: string; clock?: Clock } = {},
  ): Promise<Streams> {
    const entries = await Promise.all(
      Object.entries(streamTables).map(async ([name, table]) => {
        // What lives in memory begins where no run of the server before has come: nobody types a thousand times a second.
        const last = table === undefined ? clock.now() : await lastId(database, name, table)
        return [name, { allocated: last, position: last, pending: [] }] as const
      }),
    )
    const restored = await database.row<{ position: number }>(
      'select position from stream_positions where stream = ?',
      [RESTORED_EVENTS],
    )
    const heads = Object.fromEntries(entries) as unknown as Record<StreamName, Head>
    return new Streams(bus, writer, heads, restored?.position)
  }

  position(stream: StreamName): number {
    return this.#heads[stream].position
  }

  positions(): Positions {
    const heads = this.#heads
    return {
      events: heads.events.position,
      receipts: heads.receipts.position,
      account_data: heads.account_data.position,
      presence: heads.presence.position,
      to_device: heads.to_device.position,
      device_lists: heads.device_lists.position,
      push_rules: heads.push_rules.position,
      typing: heads.typing.position,
      thread_subscriptions: heads.thread_subscriptions.position,
      profiles: heads.profiles.position,
      sticky_events: heads.sticky_events.position,
    }
  }

  /** Whether a place in the events is one of those that were given out after the backup, and are lost with it. */
  isLost(place: number): boolean {
    const restored = this.#restored
    return restored !== undefined && place > restored && place <= restored + RESTORE_JUMP
  }

  /**
   * Takes the next `count` ids and gives the first. The bell rings for `keys` when the transaction is committed and
   * nothing before it is unfinished; hooks given to `tx.onCommit` earlier have run by then. `payload` spares caches in
   * this process a look at the table.
   */
  reserve(tx: Tx, stream: StreamName, count: number, keys: Concerned, payload?: unknown): number {
    const head = this.#heads[stream]
    const first = head.allocated + 1
    head.allocated += count
    const reservation: Reservation = { last: head.allocated, keys, payload, done: false }
    head.pending.push(reservation)
    tx.onCommit(() => this.#complete(stream, reservation))
    tx.onRollback(() => {
      // It may have to wait for others before it rings, and there is nothing to tell.
      reservation.keys = {}
      reservation.payload = undefined
      this.#complete(stream, reservation)
    })
    return first
  }

  /** To be called by whoever deletes rows of a stream: ids of deleted rows must never be given out again. */
  async remember(tx: Tx, stream: StreamName): Promise<void> {
    await tx.run(
      `insert into stream_positions (stream, position) values (?, ?)
         on conflict (stream) do update set position = excluded.position`,
      [stream, this.#heads[stream].allocated],
    )
  }

  /** Moves a stream that lives in memory alone. */
  announce(stream: 'typing', keys: Concerned, payload?: unknown): number {
    const head = this.#heads[stream]
    head.position = ++head.allocated
    this.#ring(stream, head.position, keys, payload)
    return head.position
  }

  /** Resolves once every stream has reached the wanted position; rejects when the signal is aborted. */
  async waitFor(wanted: Partial<Positions>, signal: AbortSignal): Promise<void> {
    if (this.#reached(wanted)) return
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiter = { wanted, resolve }
    const abort = (): void => reject(signal.reason as Error)
    this.#waiters.push(waiter)
    signal.addEventListener('abort', abort, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', abort)
      this.#waiters = this.#waiters.filter((other) => other !== waiter)
    }
  }

  #complete(stream: StreamName, reservation: Reservation): void {
    reservation.done = true
    const head = this.#heads[stream]
    const rung: Reservation[] = []
    for (let next = head.pending[0]; next?.done; next = head.pending[0]) {
      head.pending.shift()
      head.position = next.last
      rung.push(next)
    }
    for (const { last, keys, payload } of rung) this.#ring(stream, last, keys, payload)
  }

  #ring(stream: StreamName, position: number, keys: Concerned, payload?: unknown): void {
    this.#bus.publish({ stream, writer: this.#writer, position, keys, ...(payload === undefined ? {} : { payload }) })
    this.#resolveWaiters()
  }

  #heard(bell: Bell): void {
    if (bell.writer === this.#writer || !(bell.stream in this.#heads)) return
    const head = this.#heads[bell.stream as StreamName] // the line above looked
    head.position = Math.max(head.position, bell.position)
    head.allocated = Math.max(head.allocated, bell.position)
    this.#resolveWaiters()
  }

  #resolveWaiters(): void {
    for (const { wanted, resolve } of this.#waiters) if (this.#reached(wanted)) resolve()
  }

  #reached(wanted: Partial<Positions>): boolean {
    return Object.entries(wanted).every(([stream, position]) => this.#heads[stream as StreamName].position >= position)
  }
}

/** The last place of a stream that is on disk. */
export async function lastId(database: Database, stream: string, table: string): Promise<number> {
  const row = await database.row<{ last: number }>(
    `select ${database.dialect === 'sqlite' ? 'max' : 'greatest'}(coalesce((select max(stream_id) from ${table}), 0),
                coalesce((select position from stream_positions where stream = ?), 0)) as last`,
    [stream],
  )
  return row?.last ?? 0
}
