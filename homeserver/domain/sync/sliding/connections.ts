/**
 * Where each connection stands. A `pos` names what its client was told of rooms, which is kept here, and a place in the streams,
 * which it carries itself: an answer that tells nothing but news of rooms the client follows writes nothing.
 * docs/adr/0010-positions-of-sliding-sync.md
 */
import { randomBytes } from 'node:crypto'
import { refuse } from '../../../core/errors.ts'
import type { DeviceId, UserId } from '../../../core/ids.ts'
import { formatSyncToken, parseSyncToken } from '../../../core/token.ts'
import type { Clock } from '../../../platform/clock.ts'
import { Lru } from '../../../platform/lru.ts'
import type { Database, Tx } from '../../../storage/database.ts'
import { GroupCommit } from '../../../storage/group-commit.ts'
import {
  type ConnectionKey,
  findConnection,
  removeConnectionsOf,
  removeOldConnections,
  setConnection,
  type StoredConnection,
} from '../../../storage/sliding-connections.ts'
import type { Positions } from '../../../storage/streams.ts'
import type { DeviceBelongings } from '../../accounts/hooks.ts'
import { maxSlidingConnections } from '../../limits.ts'
import type { RoomConfigs } from './room-config.ts'
import { decodeTold, encodeTold, nothingTold, type Telling, type ToldRooms } from './told.ts'

/** A place a client may come back with: the one it has shown to know, or the one it was given last. */
interface Connection {
  readonly epoch: string
  readonly known: ToldRooms
  readonly given: ToldRooms
}

export interface Begun {
  /** Names this life of the connection. */
  readonly epoch: string
  /** Undefined at first. */
  readonly since: Positions | undefined
  readonly told: ToldRooms
}

interface Write {
  readonly key: ConnectionKey
  readonly stored: StoredConnection
  readonly isNew: boolean
}

/** Rooms of connections in memory. */
const MAX_ROOMS = 300_000
const posForm = /^([\w-]{8})\.(\d{1,15})~(.+)$/

export class Connections implements DeviceBelongings {
  readonly #database: Database
  readonly #configs: RoomConfigs
  readonly #connections = new Lru<string, Connection>(MAX_ROOMS, ({ given }) => given.rooms.size + 10)
  readonly #writes: GroupCommit<Write, undefined>

  constructor({ database, clock, configs }: { database: Database; clock: Clock; configs: RoomConfigs }) {
    this.#database = database
    this.#configs = configs
    this.#writes = new GroupCommit({
      database,
      name: 'keep sliding connections',
      write: async (tx, writes) => {
        for (const { key, stored, isNew } of writes) {
          await setConnection(tx, key, stored, clock.now())
          if (isNew) await removeOldConnections(tx, key, maxSlidingConnections)
        }
        return writes.map(() => undefined)
      },
    })
  }

  /** Throws `M_UNKNOWN_POS` for a place that is none, or not kept any more: the client starts over. */
  async begin(key: ConnectionKey, pos: string | undefined): Promise<Begun> {
    if (pos === undefined) return { epoch: randomBytes(6).toString('base64url'), since: undefined, told: nothingTold }
    const [, epoch = '', digits, streams = ''] = posForm.exec(pos) ?? []
    const since = parseSyncToken(streams)
    if (digits === undefined || !since) throw unknownPos()
    const seq = Number(digits)
    if (seq === nothingTold.seq) return { epoch, since, told: nothingTold }
    const connection = await this.#find(key)
    if (connection?.epoch !== epoch) throw unknownPos()
    const told = [connection.given, connection.known].find((each) => each.seq === seq)
    if (!told) throw unknownPos()
    return { epoch, since, told }
  }

  /** Gives the `pos` of an answer, when what it tells is on disk. */
  async end(key: ConnectionKey, { epoch }: Begun, telling: Telling, upto: Positions): Promise<string> {
    const { before } = telling
    const current = this.#connections.get(nameOf(key))
    const isNew = current?.epoch !== epoch
    const given = telling.after((isNew ? before.seq : Math.max(current.given.seq, before.seq)) + 1)
    if (given !== before) {
      const connection: Connection = { epoch, known: before, given }
      await this.#writes.add({ key, isNew, stored: stored(connection) })
      this.#connections.set(nameOf(key), connection)
    }
    return `${epoch}.${given.seq}~${formatSyncToken(upto)}`
  }

  async devicesRemoved(tx: Tx, userId: UserId, deviceIds: readonly DeviceId[]): Promise<void> {
    await removeConnectionsOf(tx, userId, deviceIds)
  }

  async #find(key: ConnectionKey): Promise<Connection | undefined> {
    const name = nameOf(key)
    const kept = this.#connections.get(name)
    if (kept) return kept
    const row = await findConnection(this.#database, key)
    if (!row) return undefined
    const connection = {
      epoch: row.epoch,
      known: decodeTold(row.knownSeq, row.known, this.#configs, key.userId),
      given: decodeTold(row.givenSeq, row.given, this.#configs, key.userId),
    }
    if (!this.#connections.has(name)) this.#connections.set(name, connection)
    return this.#connections.get(name) ?? connection
  }
}

function unknownPos(): Error {
  return refuse(400, 'M_UNKNOWN_POS', 'This position is not known any more')
}

function stored({ epoch, known, given }: Connection): StoredConnection {
  return { epoch, knownSeq: known.seq, known: encodeTold(known), givenSeq: given.seq, given: encodeTold(given) }
}

/** The place in the streams that a `pos` carries; undefined if it is none. */
export function positionsIn(pos: string): Positions | undefined {
  return parseSyncToken(posForm.exec(pos)?.[3] ?? '')
}

/** NUL stands in no id of a user or session. */
function nameOf({ userId, sessionId, connId }: ConnectionKey): string {
  return `${userId}\0${sessionId}\0${connId}`
}
