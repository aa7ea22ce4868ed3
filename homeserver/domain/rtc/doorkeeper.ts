/**
 * Keeps those out of calls who are not, or no longer, in their rooms. Whoever leaves a room or is removed from it is out of
 * its call at once; the SFU cannot revoke a token, so whoever comes in is looked at again. A look from time to time finds
 * those of whom no webhook told.
 */
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Background, Service } from '../../platform/lifecycle.ts'
import { logger } from '../../platform/log.ts'
import type { Gauge, Metrics } from '../../platform/metrics.ts'
import {
  type CallRoomRow,
  findCallIdentity,
  listCallIdentities,
  listCallRooms,
  removeCallRooms,
} from '../../storage/calls.ts'
import type { Database } from '../../storage/database.ts'
import { newsOf } from '../rooms/news.ts'
import type { CallAccess } from './call-access.ts'
import type { Sfu, SfuParticipant } from './sfu.ts'
import type { SfuEvent } from './webhook.ts'

const log = logger('calls')

const LOOK_EVERY_MS = 30_000
/** So long after the last token a room is kept in mind though the SFU has it no more: tokens last an hour. */
const FORGET_AFTER_MS = 2 * 3_600_000

export class Doorkeeper implements Service {
  readonly name = 'doorkeeper of calls'
  readonly #sfu: Sfu
  readonly #access: CallAccess
  readonly #database: Database
  readonly #clock: Clock
  readonly #background: Background
  readonly #present: Gauge
  /** Told of everybody who is in a room of ours, at each look. */
  readonly #watchers: readonly Watcher[]
  #looking: Promise<void> = Promise.resolve()

  constructor(parts: {
    sfu: Sfu
    access: CallAccess
    database: Database
    bus: Bus
    clock: Clock
    background: Background
    metrics: Metrics
    watchers?: readonly Watcher[]
  }) {
    this.#sfu = parts.sfu
    this.#access = parts.access
    this.#database = parts.database
    this.#clock = parts.clock
    this.#background = parts.background
    this.#present = parts.metrics.gauge('call_participants', 'Who is in calls, at the last look')
    this.#watchers = parts.watchers ?? []
    parts.bus.subscribe((bell) => this.#heard(bell))
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#looking = this.#clock.every(LOOK_EVERY_MS, this.name, () => this.look(), signal)
  }

  async stop(): Promise<void> {
    await this.#looking
  }

  /** Takes what a webhook tells. */
  async took({ event, room, participant }: SfuEvent): Promise<void> {
    if (event === 'participant_joined' && room && participant) await this.#check(room.name, participant)
  }

  /** Goes through all rooms at the SFU that are ours. */
  async look(): Promise<void> {
    const rooms = await listCallRooms(this.#database)
    if (rooms.length === 0 || this.#sfu.place.internalUrl() === undefined) return
    const live = new Set(await this.#sfu.liveRooms(rooms.map((row) => row.sfu_room)))
    let present = 0
    for (const { sfu_room: name } of rooms.filter((row) => live.has(row.sfu_room))) {
      const participants = await this.#sfu.participants(name)
      present += participants.length
      for (const participant of participants) await this.#check(name, participant)
      for (const watcher of this.#watchers) await watcher(name, participants)
    }
    for (const row of rooms)
      if (!live.has(row.sfu_room)) for (const watcher of this.#watchers) await watcher(row.sfu_room, [])
    this.#present.set(present)
    await this.#forget(rooms.filter((row) => !live.has(row.sfu_room)))
  }

  /** Rooms that the SFU has in common with others are none of our business. */
  async #check(sfuRoom: string, { identity }: Pick<SfuParticipant, 'identity'>): Promise<void> {
    const known = await findCallIdentity(this.#database, sfuRoom, identity)
    if (known && (await this.#access.mayJoin(known.user_id, known.room_id))) return
    if (!known && !(await this.#isOurs(sfuRoom))) return
    log.info({ userId: known?.user_id, roomId: known?.room_id }, 'removed from a call: not in its room')
    await this.#sfu.removeParticipant(sfuRoom, identity)
  }

  async #isOurs(sfuRoom: string): Promise<boolean> {
    return (await listCallRooms(this.#database)).some((row) => row.sfu_room === sfuRoom)
  }

  #heard(bell: Bell): void {
    for (const row of newsOf(bell)?.memberships ?? []) {
      if (row.membership === 'join') continue
      this.#background.run('put out of a call', () => this.#putOut(row.room_id, row.user_id))
    }
  }

  async #putOut(roomId: RoomId, userId: UserId): Promise<void> {
    const places = await listCallIdentities(this.#database, roomId, userId)
    for (const { sfu_room: sfuRoom, identity } of places) await this.#sfu.removeParticipant(sfuRoom, identity)
  }

  async #forget(gone: readonly CallRoomRow[]): Promise<void> {
    const before = this.#clock.now() - FORGET_AFTER_MS
    const old = gone.filter((row) => row.used_ts < before).map((row) => row.sfu_room)
    if (old.length === 0) return
    await this.#database.transaction('forget calls', (tx) => removeCallRooms(tx, old))
  }
}

/** Nobody in it may also mean that the room is gone. */
export type Watcher = (sfuRoom: string, participants: readonly SfuParticipant[]) => Promise<void>
