/**
 * Delayed leaves that apps leave to the server: as long as the SFU sees somebody the event is kept back, and when it sees
 * them no more the event is sent at once. So nobody stays in a call as a ghost, and no app has to say all the time that it is
 * there. https://github.com/matrix-org/matrix-spec-proposals/pull/4195
 */
import { MatrixError } from '../../core/errors.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import { logger } from '../../platform/log.ts'
import {
  type CallLeaveRow,
  listCallLeaves,
  removeCallLeave,
  setCallLeave,
  setCallLeaveConnected,
} from '../../storage/call-leaves.ts'
import type { Database } from '../../storage/database.ts'
import type { DelayedEvents } from './delayed-events.ts'
import type { Sfu, SfuParticipant } from './sfu.ts'
import type { SfuEvent } from './webhook.ts'

const log = logger('calls')

const TICK_MS = 1_000
/** Of its delay an event may wait this part before it is started anew. */
const RESTART_AT = 0.8
/** A client that lost its connection comes back under the same name within this. */
const GRACE_MS = 3_000
/** Pauses between attempts to ask, or to send. */
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000
const GROWTH = 1.5
/** An event that cannot be sent for so long is left to its own time. */
const MOST_PATIENCE_MS = 3_600_000

interface Leave extends CallLeaveRow {
  state: 'waiting' | 'connected' | 'gone'
  /** Names the connection, once it is known. */
  sid: string | undefined
  /** When to do the next thing: ask the SFU, start the event anew, send it. */
  nextAt: number
  pauseMs: number
  /** When to give up waiting, or sending. */
  giveUpAt: number
}

export interface Delegation {
  readonly sfuRoom: string
  readonly identity: string
  readonly userId: UserId
  readonly roomId: RoomId
  readonly delayId: string
}

export class DelegatedLeaves implements Service {
  readonly name = 'delegated leaves'
  readonly #database: Database
  readonly #clock: Clock
  readonly #sfu: Sfu
  readonly #delayedEvents: DelayedEvents
  /** By the names at the SFU. As many as there are delayed events, at most. */
  readonly #leaves = new Map<string, Leave>()
  #ticking: Promise<void> = Promise.resolve()
  #acting: Promise<void> = Promise.resolve()

  constructor(parts: { database: Database; clock: Clock; sfu: Sfu; delayedEvents: DelayedEvents }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#sfu = parts.sfu
    this.#delayedEvents = parts.delayedEvents
  }

  async start(signal: AbortSignal): Promise<void> {
    for (const row of await listCallLeaves(this.#database)) {
      this.#leaves.set(keyOf(row.sfu_room, row.identity), this.#fresh(row))
    }
    this.#ticking = this.#clock.every(TICK_MS, this.name, () => this.tick(), signal)
  }

  async stop(): Promise<void> {
    await this.#ticking
  }

  /** False unless the event waits, and belongs to that user and that room. */
  async mayDelegate({ userId, roomId, delayId }: Omit<Delegation, 'sfuRoom' | 'identity'>): Promise<boolean> {
    const event = await this.#delayedEvents.find(delayId)
    return event?.finalised_ts === null && event.user_id === userId && event.room_id === roomId
  }

  /** From now on the event is ours. The caller has asked `mayDelegate`. */
  async delegate({ sfuRoom, identity, delayId }: Delegation): Promise<void> {
    const event = await this.#delayedEvents.find(delayId)
    if (!event) return
    const row = {
      sfu_room: sfuRoom,
      identity,
      delay_id: delayId,
      delay_ms: event.delay_ms,
      connected: 0,
    } as const
    await this.#database.transaction('delegate leave', (tx) => setCallLeave(tx, row))
    for (const [key, leave] of this.#leaves) if (leave.delay_id === delayId) this.#leaves.delete(key)
    this.#leaves.set(keyOf(sfuRoom, identity), this.#fresh(row))
  }

  /** Takes what a webhook tells. */
  async took({ event, room, participant }: SfuEvent): Promise<void> {
    const leave = room && participant && this.#leaves.get(keyOf(room.name, participant.identity))
    if (!leave) return
    if (event === 'participant_joined') {
      await this.#connected(leave, participant.sid)
    } else if (event === 'participant_left' || event === 'participant_connection_aborted') {
      // somebody who came back meanwhile has another one
      if (leave.sid !== undefined && leave.sid !== participant.sid) return
      if (leave.state === 'waiting') return await this.#drop(leave)
      this.#gone(leave, participant.disconnectReason === 'CLIENT_INITIATED' ? 0 : GRACE_MS)
      await this.tick()
    }
  }

  /** Takes who is in a room of the SFU: what webhooks did not tell. */
  async watched(sfuRoom: string, participants: readonly SfuParticipant[]): Promise<void> {
    for (const leave of this.#leaves.values()) {
      if (leave.sfu_room !== sfuRoom) continue
      const present = participants.find(({ identity }) => identity === leave.identity)
      if (present) await this.#connected(leave, present.sid)
      else if (leave.state === 'connected') this.#gone(leave, GRACE_MS)
    }
  }

  /** Does what is due, once what was due before is done. */
  async tick(): Promise<void> {
    this.#acting = this.#acting.then(() => this.#doDue())
    await this.#acting
  }

  async #doDue(): Promise<void> {
    const now = this.#clock.monotonic()
    const due = [...this.#leaves.values()].filter(({ nextAt }) => nextAt <= now)
    const done = await Promise.allSettled(due.map((leave) => this.#act(leave)))
    for (const result of done) if (result.status === 'rejected') log.error({ error: result.reason }, 'a leave failed')
  }

  async #act(leave: Leave): Promise<void> {
    const now = this.#clock.monotonic()
    leave.nextAt = now + leave.pauseMs
    leave.pauseMs = Math.min(leave.pauseMs * GROWTH, LONGEST_PAUSE_MS)
    if (leave.state === 'waiting') {
      // nobody came: the event has gone its own way
      if (now >= leave.giveUpAt) return await this.#drop(leave)
      const present = (await this.#participants(leave.sfu_room)).find(({ identity }) => identity === leave.identity)
      if (present) await this.#connected(leave, present.sid)
    } else if (leave.state === 'connected') {
      await this.#restart(leave)
    } else {
      await this.#send(leave)
    }
  }

  async #connected(leave: Leave, sid: string): Promise<void> {
    const isNew = leave.state === 'waiting' && leave.connected === 0
    const wasAway = leave.state !== 'connected'
    leave.sid = sid
    leave.state = 'connected'
    if (isNew) {
      await this.#database.transaction('leave is connected', (tx) => setCallLeaveConnected(tx, leave.delay_id))
    }
    if (wasAway) await this.#restart(leave)
  }

  async #restart(leave: Leave): Promise<void> {
    leave.nextAt = this.#clock.monotonic() + leave.delay_ms * RESTART_AT
    if (this.#sfu.place.internalUrl() === undefined) return // nobody is in a call whose SFU is down
    try {
      await this.#delayedEvents.restart(leave.delay_id)
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
      await this.#drop(leave) // sent, or cancelled by its owner
    }
  }

  #gone(leave: Leave, graceMs: number): void {
    const now = this.#clock.monotonic()
    leave.state = 'gone'
    leave.sid = undefined
    leave.nextAt = now + graceMs
    leave.pauseMs = FIRST_PAUSE_MS
    leave.giveUpAt = now + Math.min(Math.max(leave.delay_ms, GRACE_MS + FIRST_PAUSE_MS), MOST_PATIENCE_MS)
  }

  async #send(leave: Leave): Promise<void> {
    try {
      await this.#delayedEvents.send(leave.delay_id)
    } catch (error) {
      const isOver = error instanceof MatrixError && (error.status === 404 || error.status === 409)
      if (!isOver && this.#clock.monotonic() < leave.giveUpAt) {
        log.warn({ error }, 'a leave could not be sent yet')
        return
      }
    }
    await this.#drop(leave)
  }

  /** Nobody, where the SFU cannot be asked. */
  async #participants(sfuRoom: string): Promise<readonly SfuParticipant[]> {
    return await this.#sfu.participants(sfuRoom).catch(() => [])
  }

  async #drop(leave: Leave): Promise<void> {
    const key = keyOf(leave.sfu_room, leave.identity)
    if (this.#leaves.get(key) === leave) this.#leaves.delete(key)
    await this.#database.transaction('drop delegated leave', (tx) => removeCallLeave(tx, leave.delay_id))
  }

  /** One that was connected when the server stopped is so until the SFU says otherwise. */
  #fresh(row: CallLeaveRow): Leave {
    const now = this.#clock.monotonic()
    return {
      ...row,
      state: row.connected === 1 ? 'connected' : 'waiting',
      sid: undefined,
      nextAt: now,
      pauseMs: FIRST_PAUSE_MS,
      giveUpAt: now + Math.min(row.delay_ms, MOST_PATIENCE_MS),
    }
  }
}

const keyOf = (sfuRoom: string, identity: string): string => `${sfuRoom} ${identity}`
