/** Follows who comes into rooms and goes: who becomes known to other servers, and whose devices are followed no longer. */
import type { UserId } from '../../../core/ids.ts'
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

  #heard({ memberships, changes }: EventNews): void {
    const { background, sharedRooms } = this.#parts
    const arrived = memberships.filter((row) => row.membership === 'join' && sharedRooms.isLocal(row.user_id))
    const departed = memberships.filter(({ membership }) => membership === 'leave' || membership === 'ban')
    if (arrived.length > 0) background.run('introduce devices', () => this.#introduce(arrived, changes))
    if (departed.length > 0) background.run('forget device lists', () => this.#forget(departed))
  }

  async #introduce(arrived: readonly MembershipRow[], changes: EventNews['changes']): Promise<void> {
    const { sharedRooms, toldChanges } = this.#parts
    for (const { user_id: userId, room_id: roomId } of arrived) {
      if ((await sharedRooms.serversIn(roomId)).size === 0) continue
      const change = changes.find(
        (one) => one.roomId === roomId && one.type === 'm.room.member' && one.stateKey === userId,
      )
      if (change?.prevNid !== undefined && (await this.#isJoin(change.prevNid))) continue
      await toldChanges.introduce(userId, roomId)
    }
  }

  async #isJoin(nid: number): Promise<boolean> {
    const [event] = await listEventsByNid(this.#parts.database, [nid])
    return event?.pdu.content['membership'] === 'join'
  }

  /** With the last of our users everybody in the room is lost from sight. */
  async #forget(departed: readonly MembershipRow[]): Promise<void> {
    const { database, lists, sharedRooms } = this.#parts
    const lost = new Set<UserId>()
    for (const { user_id: userId, room_id: roomId } of departed) {
      if (!sharedRooms.isLocal(userId)) lost.add(userId)
      else if (!(await sharedRooms.isOurs(roomId))) {
        for (const other of await sharedRooms.othersIn(roomId)) lost.add(other)
      }
    }
    const kept = (await listRemoteLists(database, [...lost])).map(({ userId }) => userId)
    const sharing = await sharedRooms.sharing(kept)
    const strangers = kept.filter((userId) => !sharing.has(userId))
    if (strangers.length > 0) await lists.forget(strangers)
  }
}
