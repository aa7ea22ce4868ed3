/** `rooms` of an answer: decides which rooms to tell of, reads them, and notes what was told. */
import type { RoomId } from '../../../core/ids.ts'
import type { MembershipRow } from '../../../storage/memberships.ts'
import { LazyMembers } from '../lazy-members.ts'
import type { RoomLists } from '../room-lists.ts'
import { InvitedSection } from '../sections/invited.ts'
import { RoomEvents } from '../sections/room-events.ts'
import { Summaries } from '../sections/summary.ts'
import { Timelines } from '../sections/timeline.ts'
import { UnreadSection } from '../sections/unread.ts'
import type { Span } from '../span.ts'
import type { SyncParts } from '../v3.ts'
import { AbsentRooms } from './absent-rooms.ts'
import { JoinedRooms, type RoomAnswer, toldConfig } from './joined-rooms.ts'
import type { ListedRoom } from './listing.ts'
import { holdBack, plan, type Plan } from './plan.ts'
import type { RoomConfig } from './room-config.ts'
import type { RoomMarks } from './room-marks.ts'
import { RequiredStates } from './room-state.ts'
import { live, type Telling } from './told.ts'
import type { Windows } from './windows.ts'

export interface RoomsScene {
  /** What the client asks for, by room. */
  readonly wanted: ReadonlyMap<RoomId, RoomConfig>
  readonly listed: ReadonlyMap<RoomId, ListedRoom>
  readonly memberships: ReadonlyMap<RoomId, MembershipRow>
  readonly lists: RoomLists
  readonly marks: RoomMarks
  readonly telling: Telling
  readonly directInvites: Windows['directInvites']
}

export interface RoomsAnswer {
  readonly texts: ReadonlyMap<RoomId, string>
  /** Of the joined ones. */
  readonly answers: readonly RoomAnswer[]
}

export class RoomsSection {
  readonly #parts: SyncParts
  readonly #joined: JoinedRooms
  readonly #absent: AbsentRooms
  readonly #lazyMembers = new LazyMembers()

  constructor(parts: SyncParts) {
    this.#parts = parts
    const timelines = new Timelines(parts)
    const readable = new RoomEvents(parts)
    const states = new RequiredStates({ ...parts, lazyMembers: this.#lazyMembers })
    const shared = { ...parts, timelines, readable, states }
    this.#joined = new JoinedRooms({ ...shared, summaries: new Summaries(parts), unread: new UnreadSection(parts) })
    this.#absent = new AbsentRooms({ ...shared, invited: new InvitedSection(parts) })
  }

  /** To be called before anything is told in answer to a request. */
  comesBack(span: Span): void {
    this.#lazyMembers.comesBack(span)
  }

  async build(span: Span, scene: RoomsScene): Promise<RoomsAnswer> {
    const { notifier } = this.#parts
    const decided = plan({ ...scene, span, notifier })
    const about = (roomId: RoomId): { bumpStamp: number; isDirect: boolean } => ({
      bumpStamp: scene.listed.get(roomId)?.bumpStamp ?? 0,
      isDirect: scene.marks.direct.has(roomId),
    })
    const [fresh, known, absent] = await Promise.all([
      this.#joined.fresh(
        span,
        decided.fresh.map((task) => ({ ...task, ...about(task.roomId) })),
      ),
      Promise.all(decided.known.map((task) => this.#joined.known(span, { ...task, ...about(task.roomId) }))),
      this.#tellAbsent(span, scene, decided),
    ])
    const answers = [...fresh, ...known]
    for (const answer of answers) {
      const { roomId } = answer
      const told = scene.telling.rooms.get(roomId)
      scene.telling.set(roomId, {
        config: toldConfig(answer, told?.config),
        events: live,
        receipts: told?.config ? told.receipts : undefined,
        accountData: told?.config ? told.accountData : undefined,
      })
    }
    holdBack({ ...scene, span })
    const texts = new Map(absent)
    for (const { roomId, text } of answers) if (text !== undefined) texts.set(roomId, text)
    return { texts, answers }
  }

  async #tellAbsent(span: Span, scene: RoomsScene, { absent }: Plan): Promise<ReadonlyMap<RoomId, string>> {
    if (absent.length === 0) return new Map()
    const { marks, telling } = scene
    const invites = await scene.directInvites(absent.map(({ row }) => row))
    const isDirect = ({ row: { room_id: roomId } }: Plan['absent'][number]): boolean =>
      marks.direct.has(roomId) || invites.has(roomId)
    const texts = await this.#absent.texts(
      span,
      absent.map((task) => ({
        ...task,
        isDirect: isDirect(task),
        filter: this.#joined.timelineFilter(task.config),
      })),
    )
    for (const { row } of absent) {
      if (row.membership === 'leave' && row.sender === row.user_id) telling.delete(row.room_id)
      else if (texts.has(row.room_id)) {
        telling.set(row.room_id, {
          config: undefined,
          events: row.stream_id,
          receipts: undefined,
          accountData: undefined,
        })
      }
    }
    return texts
  }
}
