/**
 * Who is online. Devices report into memory; the table and other people hear only of what changes for them.
 * https://spec.matrix.org/v1.19/client-server-api/#presence
 */
import { forbidden } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Cancel, Clock } from '../../platform/clock.ts'
import type { Background, Service } from '../../platform/lifecycle.ts'
import type { Database, Tx } from '../../storage/database.ts'
import { GroupCommit } from '../../storage/group-commit.ts'
import {
  findPresence,
  listPresence,
  listPresent,
  type PresenceRow,
  type PresenceState,
  setPresence,
} from '../../storage/presence.ts'
import type { Streams } from '../../storage/streams.ts'
import type { Members } from '../rooms/members.ts'
import { PresenceLog, type PresenceNews } from './presence-log.ts'
import { RemotePresence, type RemoteReport } from './remote-presence.ts'
import { UserPresence } from './user-presence.ts'

export interface PresenceParts {
  readonly database: Database
  readonly streams: Streams
  readonly bus: Bus
  readonly clock: Clock
  readonly background: Background
  readonly members: Members
  /** off: nobody sees anybody. local: people of this server. full: those of other servers too. */
  readonly mode: 'off' | 'local' | 'full'
}

type Values = Omit<PresenceRow, 'stream_id'>

interface Write {
  readonly userId: UserId
  readonly rooms: readonly RoomId[]
  /** Of a user of another server, whose presence is not put together here. */
  readonly remote?: Values
}

const SWEEP_MS = 5_000
/** So long changes gather that nobody waits for: many people come at the same time after a restart. */
const GATHER_MS = 200
const USERS_AT_ONCE = 200
const nobody: Omit<PresenceRow, 'user_id'> = {
  state: 'offline',
  status_msg: null,
  last_active_ts: 0,
  currently_active: 0,
  stream_id: 0,
}

export class Presence implements Service {
  readonly name = 'presence'
  readonly #parts: PresenceParts
  readonly #log: PresenceLog
  readonly #remote: RemotePresence
  /** Users of this server who are not offline, or were until just now. */
  readonly #users = new Map<UserId, UserPresence>()
  readonly #commits: GroupCommit<Write, undefined>
  #changed = new Set<UserId>()
  #cancelGathering: Cancel | undefined
  #sweeping: Promise<void> = Promise.resolve()

  constructor(parts: PresenceParts) {
    this.#parts = parts
    this.#log = new PresenceLog(parts)
    this.#remote = new RemotePresence(parts.clock)
    this.#commits = new GroupCommit({
      database: parts.database,
      name: 'set presence',
      write: (tx, writes) => this.#write(tx, writes),
    })
  }

  /** Whoever was there when the server stopped has some time to come back. */
  async start(signal: AbortSignal): Promise<void> {
    const { database, clock, members, mode } = this.#parts
    if (mode === 'off') return
    const now = clock.steady()
    for (const row of await listPresent(database)) {
      if (members.isLocal(row.user_id)) this.#users.set(row.user_id, userOf(row, now))
      else this.#remote.seen(row)
    }
    this.#sweeping = clock.every(SWEEP_MS, this.name, () => this.#sweep(), signal)
  }

  async stop(): Promise<void> {
    this.#cancelGathering?.()
    await this.#sweeping
  }

  /** Resolves when it is on disk. Without a message there is none any more. */
  async set(userId: UserId, deviceId = '', state: PresenceState, statusMsg: string | null = null): Promise<void> {
    if (this.#parts.mode === 'off') return
    const user = this.#userOf(userId)
    user.set(deviceId, state, this.#parts.clock.steady())
    // Columns take no U+0000.
    user.statusMsg = statusMsg?.replaceAll('\0', '').toWellFormed() ?? null
    await this.#commit(userId)
  }

  /** To be called when a sync begins; what it gives, when it ends. `offline` leaves everything as it is. */
  beginSync(userId: UserId, deviceId = '', state: PresenceState = 'online'): () => void {
    if (this.#parts.mode === 'off' || state === 'offline') return () => undefined
    const { clock } = this.#parts
    const user = this.#userOf(userId)
    const device = user.set(deviceId, state, clock.steady())
    if (device) device.syncs++
    this.#look(userId, user)
    return () => {
      if (!device) return
      device.syncs--
      device.lastSeen = clock.steady()
    }
  }

  /** Resolves when what the user shows is on disk and told, or that has failed: who reads is not refused for it. */
  async shown(userId: UserId): Promise<void> {
    if (this.#users.get(userId)?.hasNews(this.#parts.clock.steady()) !== true) return
    await this.#commit(userId).catch(() => undefined) // it has been logged, and the sweep tries again
  }

  /** The user did something, such as sending a message. */
  active(userId: UserId, deviceId = ''): void {
    const user = this.#users.get(userId)
    if (!user) return
    user.active(deviceId, this.#parts.clock.steady())
    this.#look(userId, user)
  }

  /** From another server, which has proved to be the user's: it must share a room with us, else it is passed over (T30). */
  async receive(userId: UserId, report: RemoteReport): Promise<void> {
    const { mode, members } = this.#parts
    if (mode !== 'full' || members.isLocal(userId)) return
    const rooms = await members.joinedRooms(userId)
    const values = rooms.length > 0 ? this.#remote.accept(userId, report) : undefined
    if (values) await this.#commits.add({ userId, rooms, remote: values })
  }

  /** Throws `M_FORBIDDEN` unless they share a room. Who was never seen is offline. */
  async get(reader: UserId, userId: UserId): Promise<JsonObject> {
    const { database, mode } = this.#parts
    if (mode === 'off') return { presence: 'offline' }
    const row = { ...nobody, user_id: userId }
    if ((await this.#log.visibleTo(reader, [row])).length === 0) {
      throw forbidden('You do not share a room with this user')
    }
    return this.contentOf((await findPresence(database, userId)) ?? row)
  }

  /** What changed in (since, upto] for the reader, from oldest to newest; from 0 those who are not offline. */
  async listSince(reader: UserId, since: number, upto: number): Promise<readonly PresenceRow[]> {
    return this.#parts.mode === 'off' ? [] : await this.#log.list(reader, since, upto)
  }

  /** Those of the users who are not offline: whom the reader sees from the moment they share a room. */
  async listPresent(userIds: readonly UserId[]): Promise<readonly PresenceRow[]> {
    if (this.#parts.mode === 'off') return []
    const rows = await listPresence(this.#parts.database, userIds, 0, Number.MAX_SAFE_INTEGER)
    return rows.filter(({ state }) => state !== 'offline')
  }

  /** The content of an `m.presence` event, with the time of the last activity as it is known at this moment. */
  contentOf({ user_id, state, status_msg, last_active_ts, currently_active }: PresenceRow): JsonObject {
    const lastActive = Math.max(last_active_ts, this.#users.get(user_id)?.lastActive ?? 0)
    return {
      presence: state,
      ...(lastActive > 0 ? { last_active_ago: Math.max(0, this.#parts.clock.steady() - lastActive) } : {}),
      ...(status_msg === null ? {} : { status_msg }),
      ...(state === 'online' ? { currently_active: currently_active === 1 } : {}),
    }
  }

  #userOf(userId: UserId): UserPresence {
    const known = this.#users.get(userId)
    if (known) return known
    const user = new UserPresence()
    this.#users.set(userId, user)
    return user
  }

  /** Tells others soon if there is something new. */
  #look(userId: UserId, user: UserPresence): void {
    if (!user.hasNews(this.#parts.clock.steady())) return
    this.#changed.add(userId)
    this.#cancelGathering ??= this.#parts.clock.after(GATHER_MS, () => {
      this.#cancelGathering = undefined
      this.#parts.background.run('write presence', () => this.#flush())
    })
  }

  async #flush(): Promise<void> {
    const changed = [...this.#changed]
    this.#changed = new Set()
    for (let from = 0; from < changed.length; from += USERS_AT_ONCE) {
      await Promise.all(changed.slice(from, from + USERS_AT_ONCE).map((userId) => this.#commit(userId)))
    }
  }

  async #sweep(): Promise<void> {
    const now = this.#parts.clock.steady()
    for (const [userId, user] of this.#users) {
      if (user.hasNews(now)) this.#look(userId, user)
      else if (user.told.state === 'offline') this.#users.delete(userId)
    }
    for (const gone of this.#remote.takeGone()) {
      await this.#commits.add({ userId: gone.user_id, rooms: await this.#roomsOf(gone.user_id), remote: gone })
    }
  }

  async #commit(userId: UserId): Promise<void> {
    await this.#commits.add({ userId, rooms: await this.#roomsOf(userId) })
  }

  async #roomsOf(userId: UserId): Promise<readonly RoomId[]> {
    return await this.#parts.members.joinedRooms(userId)
  }

  async #write(tx: Tx, writes: readonly Write[]): Promise<undefined[]> {
    const done = writes.map(() => undefined)
    const values = await this.#valuesOf(tx, writes)
    if (values.length === 0) return done
    const rows: PresenceRow[] = []
    const keys = {
      users: values.map(({ user_id }) => user_id),
      rooms: [...new Set(writes.flatMap(({ rooms }) => rooms))],
    }
    const first = this.#parts.streams.reserve(tx, 'presence', values.length, keys, { rows } satisfies PresenceNews)
    for (const [index, value] of values.entries()) rows.push({ ...value, stream_id: first + index })
    await setPresence(tx, rows)
    return done
  }

  /** One row a user, as it is when the transaction runs; none for those who show nothing new any more. */
  async #valuesOf(tx: Tx, writes: readonly Write[]): Promise<Values[]> {
    const now = this.#parts.clock.steady()
    const latest = new Map(writes.map((write) => [write.userId, write]))
    const unread = [...latest.keys()].filter((userId) => this.#users.get(userId)?.statusMsg === undefined)
    const stored = new Map(
      (await listPresence(tx, unread, 0, Number.MAX_SAFE_INTEGER)).map((row) => [row.user_id, row]),
    )
    return [...latest.values()].flatMap(({ userId, remote }): Values | Values[] => {
      const user = this.#users.get(userId)
      if (remote || !user) return remote ?? []
      user.statusMsg ??= stored.get(userId)?.status_msg ?? null
      user.lastActive ||= stored.get(userId)?.last_active_ts ?? 0
      if (!user.hasNews(now)) return []
      const shown = user.shown(now)
      tx.onCommit(() => (user.told = shown))
      return {
        user_id: userId,
        state: shown.state,
        status_msg: user.statusMsg,
        last_active_ts: user.lastActive,
        currently_active: shown.currentlyActive ? 1 : 0,
      }
    })
  }
}

/** As if a device had been seen just now. */
function userOf({ state, status_msg, last_active_ts, currently_active }: PresenceRow, now: number): UserPresence {
  const user = new UserPresence()
  user.set('', state, now)
  user.lastActive = last_active_ts
  user.statusMsg = status_msg
  user.told = { state, currentlyActive: currently_active === 1, statusMsg: status_msg }
  return user
}
