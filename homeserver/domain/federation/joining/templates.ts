/**
 * What users of other servers have to sign to come in, to go, and to knock.
 * https://spec.matrix.org/v1.19/server-server-api/#joining-rooms
 */
import { forbidden } from '../../../core/errors.ts'
import type { JsonObject } from '../../../core/event.ts'
import type { RoomId, ServerName, UserId } from '../../../core/ids.ts'
import type { Database } from '../../../storage/database.ts'
import type { Members } from '../../rooms/members.ts'
import type { RemoteEventWriter } from '../../rooms/remote-event.ts'
import { findAuthoriser } from '../../rooms/restricted-join.ts'
import { checkVersionKnown, ownUserOf, type ResidentRooms } from './resident-rooms.ts'

/** What a user may ask for himself through a server that is in the room. */
export type Passage = 'join' | 'leave' | 'knock'

export interface TemplateRequest {
  readonly origin: ServerName
  readonly roomId: RoomId
  readonly userId: string
  /** Room versions the other server knows. It need not tell to leave. */
  readonly versions?: readonly string[]
}

export interface TemplatesParts {
  readonly database: Database
  readonly members: Members
  readonly writer: RemoteEventWriter
  readonly rooms: ResidentRooms
}

export class Templates {
  readonly #parts: TemplatesParts

  constructor(parts: TemplatesParts) {
    this.#parts = parts
  }

  /** The answer of make_join, make_leave or make_knock. Throws `M_FORBIDDEN` where the room does not allow it. */
  async make(
    membership: Passage,
    { origin, roomId, userId: id, versions }: TemplateRequest,
  ): Promise<{ readonly room_version: string; readonly event: JsonObject }> {
    const userId = ownUserOf(origin, id)
    const version = await this.#parts.rooms.open(origin, roomId)
    if (versions) checkVersionKnown(version, versions)
    if (membership === 'knock' && !version.knock) throw forbidden('Rooms of this version take no knocks')
    const authoriser = membership === 'join' ? await this.#authoriser(roomId, userId) : undefined
    const content = {
      membership,
      ...(authoriser === undefined ? {} : { join_authorised_via_users_server: authoriser }),
    }
    const draft = { type: 'm.room.member', sender: userId, stateKey: userId, content }
    const { event_id: _id, ...event } = await this.#parts.writer.prepare(roomId, draft)
    return { room_version: version.id, event }
  }

  /** The invited need nobody to let them in. */
  async #authoriser(roomId: RoomId, userId: UserId): Promise<UserId | undefined> {
    const { members } = this.#parts
    const current = (await members.find(roomId, userId))?.membership
    return current === 'invite' || current === 'join' ? undefined : await findAuthoriser(this.#parts, roomId, userId)
  }
}
