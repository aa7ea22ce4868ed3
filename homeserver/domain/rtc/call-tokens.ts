/** Lets members of a room into its call: a room at the SFU, and a token for it. */
import { forbidden, invalidParam, MatrixError } from '../../core/errors.ts'
import { type DeviceId, isRoomId, type RoomId, type ServerName, serverNameOf, type UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { logger } from '../../platform/log.ts'
import type { Counter, Metrics } from '../../platform/metrics.ts'
import { setCallIdentity, setCallRoom } from '../../storage/calls.ts'
import type { Database } from '../../storage/database.ts'
import { maxCallIdentities } from '../limits.ts'
import type { CallAccess } from './call-access.ts'
import { joinToken } from './grants.ts'
import { sfuRoomOf } from './names.ts'
import { type Sfu, SfuError } from './sfu.ts'

const log = logger('calls')

/** Whether users of other servers may send through our SFU: `auto` by what the way they ask in says. */
export type RemotePublish = 'auto' | 'always' | 'never'

export interface TokenRequest {
  readonly userId: UserId
  /** As the client gave it: perhaps no room id at all. */
  readonly roomId: string
  readonly slotId: string
  readonly identity: string
  readonly deviceId: DeviceId | undefined
  readonly memberId: string | undefined
  /**
   * By `/sfu/get` users of other servers may ask in order to send here, as old clients send where the first of a call is;
   * by the others they come to hear those who send here.
   */
  readonly way: 'sfu/get' | 'get_token' | 'hosted'
}

export interface CallToken {
  readonly url: string
  readonly jwt: string
}

export class CallTokens {
  readonly #sfu: Sfu
  readonly #access: CallAccess
  readonly #database: Database
  readonly #clock: Clock
  readonly #serverName: ServerName
  readonly #remotePublish: RemotePublish
  readonly #issued: Counter<'way' | 'result'>

  constructor(parts: {
    sfu: Sfu
    access: CallAccess
    database: Database
    clock: Clock
    metrics: Metrics
    serverName: ServerName
    remotePublish: RemotePublish
  }) {
    this.#sfu = parts.sfu
    this.#access = parts.access
    this.#database = parts.database
    this.#clock = parts.clock
    this.#serverName = parts.serverName
    this.#remotePublish = parts.remotePublish
    this.#issued = parts.metrics.counter('call_tokens_total', 'Requests for a token for a call', ['way', 'result'])
  }

  /** Throws `M_INVALID_PARAM` for an SFU that is not ours. */
  checkUrl(url: string): void {
    if (url !== this.#sfu.place.publicUrl) throw invalidParam('There is no such SFU here')
  }

  /** Throws `M_FORBIDDEN` where the user is not in the room, as far as this server knows. */
  async check(userId: UserId, roomId: string): Promise<RoomId> {
    if (!isRoomId(roomId) || !(await this.#access.mayJoin(userId, roomId))) {
      throw forbidden('You are not in this room, or this server does not know it')
    }
    return roomId
  }

  /** Throws as `check` does, and `M_UNKNOWN` if the SFU does not do its part. */
  async issue(request: TokenRequest): Promise<CallToken> {
    const { way, slotId, identity, userId } = request
    try {
      const roomId = await this.check(userId, request.roomId)
      const sfuRoom = sfuRoomOf(roomId, slotId)
      await this.#remember(request, roomId, sfuRoom)
      await this.#sfu.createRoom(sfuRoom)
      const grant = {
        sfuRoom,
        identity,
        canPublish: this.#canPublish(request),
        canUpdateOwnMetadata: way !== 'hosted',
      }
      const { publicUrl, key } = this.#sfu.place
      const jwt = await joinToken(grant, key, this.#clock)
      this.#issued.inc({ way, result: 'issued' })
      return { url: publicUrl, jwt }
    } catch (error) {
      this.#issued.inc({ way, result: error instanceof MatrixError ? 'refused' : 'failed' })
      if (!(error instanceof SfuError)) throw error
      log.error({ error }, 'no room at the SFU')
      throw new MatrixError(500, 'M_UNKNOWN', 'Unable to create room on SFU', { cause: error })
    }
  }

  #canPublish({ userId, way }: TokenRequest): boolean {
    if (serverNameOf(userId) === this.#serverName || this.#remotePublish === 'always') return true
    return this.#remotePublish === 'auto' && way === 'sfu/get'
  }

  /** Before the room is there: nobody may come into it whom we do not know. */
  async #remember(request: TokenRequest, roomId: RoomId, sfuRoom: string): Promise<void> {
    const { slotId, identity, userId, deviceId, memberId } = request
    const now = this.#clock.now()
    await this.#database.transaction('issue call token', async (tx) => {
      await setCallRoom(tx, { sfu_room: sfuRoom, room_id: roomId, slot_id: slotId, used_ts: now })
      const row = {
        sfu_room: sfuRoom,
        identity,
        room_id: roomId,
        user_id: userId,
        device_id: deviceId ?? null,
        member_id: memberId ?? null,
        issued_ts: now,
      }
      await setCallIdentity(tx, row, { keep: maxCallIdentities })
    })
  }
}
