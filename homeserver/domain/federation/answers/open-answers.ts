/** Builds what other servers may ask about rooms. */
import type { Database } from '../../../storage/database.ts'
import type { RoomPreviews } from '../../directory/room-previews.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { Members } from '../../rooms/members.ts'
import type { PartialRooms } from '../../rooms/partial-rooms.ts'
import type { Visibility } from '../../rooms/visibility.ts'
import type { RoomServers } from '../room-servers.ts'
import type { ServerAcls } from '../server-acl.ts'
import { RoomAccess } from './room-access.ts'
import { HistoryAnswers } from './room-history.ts'
import { StateAnswers } from './room-state.ts'
import { SpaceAnswers } from './spaces.ts'
import { ServerVisibility } from './visible-to-server.ts'

export interface OpenAnswersParts {
  readonly database: Database
  readonly events: EventCache
  readonly members: Members
  readonly partialRooms: PartialRooms
  readonly visibility: Visibility
  readonly roomPreviews: RoomPreviews
  readonly roomServers: RoomServers
  readonly serverAcls: ServerAcls
}

export interface AnswerServices {
  readonly stateAnswers: StateAnswers
  readonly historyAnswers: HistoryAnswers
  readonly spaceAnswers: SpaceAnswers
}

export function openAnswers(parts: OpenAnswersParts): AnswerServices {
  const access = new RoomAccess(parts)
  return {
    stateAnswers: new StateAnswers({ ...parts, access }),
    historyAnswers: new HistoryAnswers({ ...parts, access, visibility: new ServerVisibility(parts) }),
    spaceAnswers: new SpaceAnswers(parts),
  }
}
