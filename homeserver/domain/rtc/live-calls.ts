/** The calls of this moment in the hands of administrators: who is in them, and an end to one. */
import { MatrixError, notFound } from '../../core/errors.ts'
import type { DeviceId, RoomId, UserId } from '../../core/ids.ts'
import { logger } from '../../platform/log.ts'
import { type CallRoomRow, listCallRooms, listIdentitiesIn } from '../../storage/calls.ts'
import type { Database } from '../../storage/database.ts'
import { currentStateEvents } from '../../storage/rooms.ts'
import type { Members } from '../rooms/members.ts'
import type { RoomWriter } from '../rooms/writer.ts'
import type { CallHistory } from './call-history.ts'
import { stateMemberTypes } from './call-members.ts'
import { type Sfu, SfuError, type SfuTrack } from './sfu.ts'

const log = logger('calls')

export interface LiveCall {
  readonly roomId: RoomId
  readonly slotId: string
  /** Milliseconds since the epoch; undefined where the call is too new. */
  readonly startedTs: number | undefined
  readonly participants: readonly CallParticipant[]
}

export interface CallParticipant {
  readonly userId: UserId
  /** Undefined where the client did not say. */
  readonly deviceId: DeviceId | undefined
  /** Milliseconds since the epoch. */
  readonly joinedTs: number
  /** What they send. */
  readonly tracks: readonly SfuTrack[]
}

export interface EndedCall {
  /** Connections to the SFU that were cut. */
  readonly participants: number
  /** Users of this server whom the room showed in the call, and shows no more. */
  readonly left: readonly UserId[]
}

export class LiveCalls {
  readonly #sfu: Sfu
  readonly #database: Database
  readonly #members: Members
  readonly #writer: RoomWriter
  readonly #history: CallHistory

  constructor(parts: { sfu: Sfu; database: Database; members: Members; writer: RoomWriter; history: CallHistory }) {
    this.#sfu = parts.sfu
    this.#database = parts.database
    this.#members = parts.members
    this.#writer = parts.writer
    this.#history = parts.history
  }

  /** Those that somebody is in, in the order of their rooms. Throws `M_UNKNOWN` if the SFU does not answer, as `end` does. */
  async list(): Promise<LiveCall[]> {
    return await told(async () => {
      const calls: LiveCall[] = []
      for (const row of await this.#live(await listCallRooms(this.#database))) {
        const participants = await this.#participants(row)
        if (participants.length === 0) continue
        const { room_id: roomId, slot_id: slotId } = row
        const startedTs = (await this.#history.begunIn(roomId)).get(slotId)
        calls.push({ roomId, slotId, startedTs, participants })
      }
      return calls.toSorted((one, other) => (one.roomId < other.roomId ? -1 : 1))
    })
  }

  /**
   * Cuts everybody off, and has users of this server leave the call in the room too, as they do when they hang up: who was
   * left behind there is gone as well. Who is in the room may begin another call. Throws `M_NOT_FOUND` where there is none.
   */
  async end(roomId: RoomId): Promise<EndedCall> {
    const participants = await told(() => this.#cutOff(roomId))
    const left = await this.#leave(roomId)
    if (participants === 0 && left.length === 0) throw notFound('There is no call in this room')
    return { participants, left }
  }

  async #cutOff(roomId: RoomId): Promise<number> {
    const rows = (await listCallRooms(this.#database)).filter((row) => row.room_id === roomId)
    let cut = 0
    for (const { sfu_room: name } of await this.#live(rows)) {
      const { length } = await this.#sfu.participants(name)
      if (await this.#sfu.deleteRoom(name)) cut += length
    }
    return cut
  }

  async #leave(roomId: RoomId): Promise<UserId[]> {
    const left = new Set<UserId>()
    for (const { row, pdu } of await currentStateEvents(this.#database, roomId, stateMemberTypes)) {
      const { sender, type, state_key: stateKey } = row
      if (Object.keys(pdu.content).length === 0 || !this.#members.isLocal(sender)) continue
      try {
        await this.#writer.send(roomId, [{ type, sender, stateKey: stateKey ?? '', content: {} }])
        left.add(sender)
      } catch (error) {
        if (!(error instanceof MatrixError)) throw error
        log.info({ roomId, userId: sender, errcode: error.errcode }, 'could not leave a call that was ended') // not in the room
      }
    }
    return [...left]
  }

  async #live(rows: readonly CallRoomRow[]): Promise<CallRoomRow[]> {
    if (rows.length === 0) return []
    const names = new Set(await this.#sfu.liveRooms(rows.map((row) => row.sfu_room)))
    return rows.filter((row) => names.has(row.sfu_room))
  }

  /** Without those who are not ours: the doorkeeper puts them out. */
  async #participants({ sfu_room: name }: CallRoomRow): Promise<CallParticipant[]> {
    const known = new Map((await listIdentitiesIn(this.#database, name)).map((row) => [row.identity, row]))
    return (await this.#sfu.participants(name)).flatMap(({ identity, joinedTs, tracks }) => {
      const row = known.get(identity)
      return row ? [{ userId: row.user_id, deviceId: row.device_id ?? undefined, joinedTs, tracks }] : []
    })
  }
}

async function told<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof SfuError)) throw error
    throw new MatrixError(502, 'M_UNKNOWN', error.message, { cause: error })
  }
}
