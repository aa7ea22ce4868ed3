/** Follows who comes into rooms and goes: who becomes known to other servers, and whose devices are followed no longer. */
import type { RoomId, UserId } from '../../../core/ids.ts'
import type { Bus } from '../../../platform/bus.ts'
import type { Background, Service } from '../../../platform/lifecycle.ts'
import type { Database } from '../../../storage/database.ts'
import { listEventsByNid } from '../../../storage/events.ts'
import type { MembershipRow } from '../../../storage/memberships.ts'
import { listRemoteLists } from '../../../storage/remote-device-lists.ts'
import { type EventNews, newsOf } from '../../rooms/news.ts'
import type { RemoteDeviceLists } from './remote-device-lists.ts'
import type { SharedRooms } from './shared-rooms.ts'
import type { ToldChanges } from './told-changes.ts'

export interface RoomMovesParts {
  readonly database: Database
  readonly bus: Bus
  readonly background: Background
  readonly lists: RemoteDeviceLists
  readonly sharedRooms: SharedRooms
  readonly toldChanges: ToldChanges
}

export class RoomMoves implements Service {
  readonly name = 'moves of device owners'
  readonly #parts: RoomMovesParts

  constructor(parts: RoomMovesParts) {
    this.#parts = parts
  }

  start(signal: AbortSignal): Promise<void> {
    const leave = this.#parts.bus.subscribe((bell) => {
      const news = newsOf(bell)
      if (news && news.memberships.length > 0) this.#heard(news)
    })
    signal.addEventListener('abort', leave, { once: true })
    return Promise.resolve()
  }

  #heard(news: EventNews): void {
    const { background, sharedRooms } = this.#parts
    for (const row of news.memberships) {
      if (row.membership === 'leave' || row.membership === 'ban') {
        background.run('forget device lists', () => this.#departed(row))
      } else if (row.membership === 'join' && sharedRooms.isLocal(row.user_id)) {
        background.run('introduce devices', () => this.#arrived(row.user_id, row.room_id, news))
      }
    }
  }

  async #arrived(userId: UserId, roomId: RoomId, { changes }: EventNews): Promise<void> {
    const { sharedRooms, toldChanges } = this.#parts
    if ((await sharedRooms.serversIn(roomId)).size === 0) return
    const change = changes.find(
      (one) => one.roomId === roomId && one.type === 'm.room.member' && one.stateKey === userId,
    )
    if (change?.prevNid !== undefined && (await this.#isJoin(change.prevNid))) return
    await toldChanges.introduce(userId, roomId)
  }

  async #isJoin(nid: number): Promise<boolean> {
    const [event] = await listEventsByNid(this.#parts.database, [nid])
    return event?.pdu.content['membership'] === 'join'
  }

  /** With the last of our users everybody in the room is lost from sight. */
  async #departed({ user_id: userId, room_id: roomId }: MembershipRow): Promise<void> {
    const { database, lists, sharedRooms } = this.#parts
    if (sharedRooms.isLocal(userId) && (await sharedRooms.isOurs(roomId))) return
    const others = sharedRooms.isLocal(userId) ? await sharedRooms.othersIn(roomId) : [userId]
    const kept = (await listRemoteLists(database, others)).map((list) => list.userId)
    const sharing = await sharedRooms.sharing(kept)
    const departed = kept.filter((other) => !sharing.has(other))
    if (departed.length > 0) await lists.forget(departed)
  }
}
