/** Spaces as other servers may know them. https://spec.matrix.org/v1.19/server-server-api/#spaces */
import { notFound } from '../../../core/errors.ts'
import { isRoomId, type RoomId, type ServerName } from '../../../core/ids.ts'
import type { Database } from '../../../storage/database.ts'
import { listMembersOfServer } from '../../../storage/memberships.ts'
import type { Acquaintance, RoomPreview, RoomPreviews } from '../../directory/room-previews.ts'
import { listChildren } from '../../directory/space-children.ts'
import type { Members } from '../../rooms/members.ts'
import type { RoomServers } from '../room-servers.ts'
import type { ServerAcls } from '../server-acl.ts'

export interface SpaceAnswersParts {
  readonly database: Database
  readonly members: Members
  readonly roomServers: RoomServers
  readonly serverAcls: ServerAcls
  readonly roomPreviews: RoomPreviews
}

/** Children described in one answer. */
const MAX_CHILDREN = 50

export class SpaceAnswers {
  readonly #parts: SpaceAnswersParts

  constructor(parts: SpaceAnswersParts) {
    this.#parts = parts
  }

  /** Throws `M_NOT_FOUND` for a room that is not here or that none of the server's users may know of. */
  async hierarchy(
    origin: ServerName,
    roomId: string,
    { suggestedOnly }: { readonly suggestedOnly: boolean },
  ): Promise<object> {
    const { database, members, roomPreviews } = this.#parts
    const preview = isRoomId(roomId) && (await members.hasLocal(roomId)) ? await this.#find(origin, roomId) : undefined
    if (!preview) throw notFound('There is no such room, or your users may not know of it')
    const { room_id: id, room_type: type } = preview.stats
    const state = type === 'm.space' ? await listChildren(database, id, suggestedOnly) : []
    const children: object[] = []
    const inaccessible: RoomId[] = []
    for (const { state_key: childId } of state.slice(0, MAX_CHILDREN)) {
      if (!(await members.hasLocal(childId))) continue // others know better
      const child = await this.#find(origin, childId)
      if (child) children.push(await roomPreviews.describe(child))
      else inaccessible.push(childId)
    }
    const room = { ...(await roomPreviews.describe(preview)), children_state: state }
    return { room, children, inaccessible_children: inaccessible }
  }

  async #find(origin: ServerName, roomId: RoomId): Promise<RoomPreview | undefined> {
    const { serverAcls, roomPreviews } = this.#parts
    if (!(await serverAcls.mayTalk(roomId, origin))) return undefined
    const preview = await roomPreviews.findFor(this.#acquaintance(origin), roomId)
    return preview?.stats.federate === 1 ? preview : undefined
  }

  #acquaintance(origin: ServerName): Acquaintance {
    const { database, roomServers } = this.#parts
    return {
      isJoined: (roomId) => roomServers.isIn(roomId, origin),
      isInvited: async (roomId) => (await listMembersOfServer(database, roomId, origin, 'invite')).length > 0,
    }
  }
}
