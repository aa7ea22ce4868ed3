/**
 * Links by which people without an account come into the call of one room, as guests of the member who made the link. They
 * are good for as long as that member may invite, until they expire, are used up, or are taken back.
 */
import { randomBytes } from 'node:crypto'
import { namedLevel, userLevel } from '../../core/auth/power-levels.ts'
import { forbidden, invalidParam, notFound, refuse } from '../../core/errors.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { findAccount } from '../../storage/accounts.ts'
import {
  addCallLink,
  type CallLinkRow,
  countCallLinks,
  findCallLink,
  listCallLinks,
  removeCallLink,
} from '../../storage/call-links.ts'
import type { Database } from '../../storage/database.ts'
import { findStateEvent } from '../../storage/rooms.ts'
import { maxCallLinkLife, maxCallLinks } from '../limits.ts'
import type { Members } from '../rooms/members.ts'
import { roomPower } from '../rooms/room-power.ts'

export type CallLink = CallLinkRow

export interface CallLinkOptions {
  /** Milliseconds; a day unless given. */
  readonly life?: number | undefined
  /** How many guests may come by it; any number unless given. */
  readonly uses?: number | undefined
}

const DEFAULT_LIFE_MS = 86_400_000

export class CallLinks {
  readonly #database: Database
  readonly #clock: Clock
  readonly #members: Members
  /** Whether there may be any. */
  readonly #areOn: boolean

  constructor(parts: { database: Database; clock: Clock; members: Members; areOn: boolean }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#members = parts.members
    this.#areOn = parts.areOn
  }

  /**
   * Throws `M_FORBIDDEN` for those who may not invite and for encrypted rooms, `M_INVALID_PARAM` for a life or a number out
   * of bounds, `M_LIMIT_EXCEEDED` for a user with too many links.
   */
  async create(userId: UserId, roomId: RoomId, { life = DEFAULT_LIFE_MS, uses }: CallLinkOptions): Promise<CallLink> {
    if (!this.#areOn) throw forbidden('This server has no links for guests: calls.guest_links is off')
    if (!(life > 0 && life <= maxCallLinkLife)) throw invalidParam('A link is good for 30 days at most')
    if (uses !== undefined && uses < 1) throw invalidParam('A link that nobody may use is none')
    await this.#checkRoom(userId, roomId)
    const now = this.#clock.now()
    const row = {
      token: randomBytes(18).toString('base64url'),
      room_id: roomId,
      user_id: userId,
      created_ts: now,
      expires_ts: now + life,
      uses_allowed: uses ?? null,
    }
    await this.#database.transaction('create call link', async (tx) => {
      if ((await countCallLinks(tx, userId)) >= maxCallLinks) {
        throw refuse(400, 'M_LIMIT_EXCEEDED', 'You have made too many links: take some back')
      }
      await addCallLink(tx, row)
    })
    return { ...row, uses: 0 }
  }

  /** Those of a room, for whoever could make one. Throws `M_FORBIDDEN`. */
  async list(userId: UserId, roomId: RoomId): Promise<CallLink[]> {
    await this.#checkInviter(userId, roomId)
    return this.#current(await listCallLinks(this.#database, roomId))
  }

  /** Those of all rooms. */
  async listAll(): Promise<CallLink[]> {
    return this.#current(await listCallLinks(this.#database))
  }

  /** Nobody comes in by it any more. Throws `M_NOT_FOUND`. */
  async remove(token: string): Promise<void> {
    const removed = await this.#database.transaction('remove call link', (tx) => removeCallLink(tx, token))
    if (!removed) throw unknownLink()
  }

  /** Throws `M_FORBIDDEN`, and `M_NOT_FOUND` for a link of another room. */
  async checkRemover(userId: UserId, roomId: RoomId, token: string): Promise<void> {
    await this.#checkInviter(userId, roomId)
    if ((await findCallLink(this.#database, token))?.room_id !== roomId) throw unknownLink()
  }

  /** One by which somebody could come in now. Throws `M_NOT_FOUND`, and `M_FORBIDDEN` where the room does not allow it any more. */
  async open(token: string): Promise<CallLink> {
    const link = await findCallLink(this.#database, token)
    if (!this.#areOn || !link || link.expires_ts <= this.#clock.now() || link.uses >= (link.uses_allowed ?? Infinity)) {
      throw unknownLink()
    }
    await this.#checkRoom(link.user_id, link.room_id)
    return link
  }

  /** What somebody who has the link reads before coming in. Throws as `open` does. */
  async invitation(token: string): Promise<{ readonly room: string | undefined; readonly inviter: string }> {
    const { room_id: roomId, user_id: userId } = await this.open(token)
    const name = (await findStateEvent(this.#database, roomId, 'm.room.name', ''))?.pdu.content['name']
    const inviter = await this.#members.find(roomId, userId)
    return {
      room: typeof name === 'string' && name !== '' ? name : undefined,
      inviter: inviter?.display_name ?? userId,
    }
  }

  #current(links: readonly CallLink[]): CallLink[] {
    const now = this.#clock.now()
    return links.filter((link) => link.expires_ts > now)
  }

  /** What members say in an encrypted room guests have no keys for. */
  async #checkRoom(userId: UserId, roomId: RoomId): Promise<void> {
    await this.#checkInviter(userId, roomId)
    if (await findStateEvent(this.#database, roomId, 'm.room.encryption', '')) {
      throw forbidden('The room is encrypted, and guests have no keys: use another room for this call')
    }
  }

  /** A user of this server, in whose name guests are invited. */
  async #checkInviter(userId: UserId, roomId: RoomId): Promise<void> {
    const account = await findAccount(this.#database, userId)
    if (!account || account.isSuspended || account.isLocked) throw forbidden('This account may not invite')
    if (!(await this.#members.isJoined(roomId, userId))) throw forbidden('You are not in this room')
    const levels = await roomPower(this.#database, roomId)
    if (userLevel(levels, userId) < namedLevel(levels, 'invite')) throw forbidden('You may not invite to this room')
  }
}

export const unknownLink = () => notFound('This link leads to no call: it has expired, is used up or was taken back')
