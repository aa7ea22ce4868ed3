/**
 * The server speaks to its users: each has one room with it, made when there is something to say.
 * https://spec.matrix.org/v1.19/client-server-api/#server-notices
 */
import { randomUUID } from 'node:crypto'
import { forbidden, invalidParam, notFound, refuse } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import { type EventId, isUserId, type RoomId, type UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import { findAccount } from '../../storage/accounts.ts'
import type { Database } from '../../storage/database.ts'
import { findNoticeRoom, setNoticeRoom } from '../../storage/server-notices.ts'
import type { Tags } from '../account-data/tags.ts'
import type { Requester } from '../accounts/requester.ts'
import type { RoomCreator } from '../rooms/create.ts'
import type { Members } from '../rooms/members.ts'
import type { Memberships } from '../rooms/membership.ts'
import type { EventSender } from '../rooms/send.ts'
import type { ServerUser } from './server-user.ts'

export interface Notice {
  readonly userId: string
  readonly type: string
  readonly content: JsonObject
  /** A repetition of the same request says nothing new. */
  readonly transactionId?: string
}

export interface ServerNoticesParts {
  readonly database: Database
  readonly clock: Clock
  readonly serverUser: ServerUser
  readonly roomName: string
  readonly members: Members
  readonly memberships: Memberships
  readonly roomCreator: RoomCreator
  readonly eventSender: EventSender
  readonly tags: Tags
}

export class ServerNotices {
  readonly #parts: ServerNoticesParts
  readonly #turns: KeyedLock

  constructor(parts: ServerNoticesParts) {
    this.#parts = parts
    this.#turns = new KeyedLock({ name: 'server notices', clock: parts.clock })
  }

  /** Throws `M_INVALID_PARAM` and `M_NOT_FOUND` for who is no user of this server. */
  async send(by: Requester, { userId, type, content, transactionId = randomUUID() }: Notice): Promise<EventId> {
    const { database, members, serverUser, eventSender } = this.#parts
    if (!isUserId(userId) || !members.isLocal(userId) || userId === serverUser.userId) {
      throw invalidParam('Notices are for users of this server')
    }
    const account = await findAccount(database, userId)
    if (!account || account.isDeactivated) throw notFound('There is no such user')
    const speaker = serverUser.acting(`notices by ${by.sessionId}`)
    const roomId = await this.#turns.run(userId, () => this.#roomWith(userId, speaker))
    return await eventSender.send(speaker, { roomId, type, content, transactionId })
  }

  /** Throws where a user would reject what the server has to say: once in the room one may leave. */
  async refuseRejection(userId: UserId, roomId: RoomId): Promise<void> {
    const { database, members } = this.#parts
    const membership = await members.find(roomId, userId)
    if (membership?.membership !== 'invite' || (await findNoticeRoom(database, userId)) !== roomId) return
    throw refuse(403, 'M_CANNOT_LEAVE_SERVER_NOTICE_ROOM', 'The server has something to say to you here')
  }

  /** A user who has left is invited again. */
  async #roomWith(userId: UserId, speaker: Requester): Promise<RoomId> {
    const { database, members, memberships } = this.#parts
    const roomId = await findNoticeRoom(database, userId)
    if (roomId === undefined || !(await members.isJoined(roomId, speaker.userId))) {
      return await this.#createRoom(userId, speaker)
    }
    const membership = (await members.find(roomId, userId))?.membership
    if (membership === 'ban') throw forbidden('The user is banned from the room with the server')
    if (membership !== 'join' && membership !== 'invite') await memberships.invite(speaker, roomId, userId)
    return roomId
  }

  async #createRoom(userId: UserId, speaker: Requester): Promise<RoomId> {
    const { database, roomCreator, roomName, tags } = this.#parts
    const roomId = await roomCreator.create(speaker, {
      preset: 'private_chat',
      name: roomName,
      powerLevels: { users_default: -10 }, // here users listen
      invite: [userId],
    })
    await database.transaction('keep the room of notices', (tx) => setNoticeRoom(tx, userId, roomId))
    await tags.set(userId, roomId, 'm.server_notice', {})
    return roomId
  }
}
