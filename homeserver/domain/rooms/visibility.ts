/**
 * Who may see which events: one filter for every way to read them (T40).
 * https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility
 */
import { forbidden } from '../../core/errors.ts'
import { type Json, stateKeyOf } from '../../core/event.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { Bus } from '../../platform/bus.ts'
import { type Clock, systemClock } from '../../platform/clock.ts'
import { Lru } from '../../platform/lru.ts'
import type { Database } from '../../storage/database.ts'
import { eventStatus, type StoredEvent } from '../../storage/events.ts'
import type { MembershipRow } from '../../storage/memberships.ts'
import { findStateEvent } from '../../storage/rooms.ts'
import { type StateEntry, StateGroups, type StateMap } from '../../storage/state-groups.ts'
import { lastJoinEnd, listHistoryVisibilities } from '../../storage/sync.ts'
import type { EventCache } from './event-cache.ts'
import type { Members } from './members.ts'
import { newsOf } from './news.ts'
import { isOver, type Retention } from './retention/policy.ts'

export type HistoryVisibility = 'world_readable' | 'shared' | 'invited' | 'joined'

/** Asks whose messages a user does not want. Declared here, fulfilled by account data. */
export interface IgnoredUsers {
  of(userId: UserId): Promise<ReadonlySet<string>>
}

/** How somebody may read a room. */
export interface Reader {
  readonly kind: 'member' | 'former' | 'peeker'
  /** The place in the events stream where a former member's view ends: his own leave. */
  readonly upto: number | undefined
}

/** What decides about an event: the state after it, and for the events that change that state also the one before. */
interface Moment {
  readonly visibilities: readonly HistoryVisibility[]
  readonly memberships: readonly string[]
}

const visibilityType = 'm.room.history_visibility'
const visibilityKey = stateKeyOf(visibilityType, '')
const MAX_ROOMS = 10_000

export class Visibility {
  readonly #database: Database
  readonly #events: EventCache
  readonly #members: Members
  readonly #ignored: IgnoredUsers | undefined
  readonly #retention: Pick<Retention, 'cutOf'> | undefined
  readonly #clock: Clock
  readonly #groups = new StateGroups()
  /** Rooms whose history was never hidden from any member, and those where it was. */
  readonly #open = new Lru<RoomId, boolean>(MAX_ROOMS)
  #version = 0

  constructor(parts: {
    readonly database: Database
    readonly bus: Bus
    readonly events: EventCache
    readonly members: Members
    readonly ignored?: IgnoredUsers
    readonly retention?: Pick<Retention, 'cutOf'>
    readonly clock?: Clock
  }) {
    this.#database = parts.database
    this.#events = parts.events
    this.#members = parts.members
    this.#ignored = parts.ignored
    this.#retention = parts.retention
    this.#clock = parts.clock ?? systemClock
    parts.bus.subscribe((bell) => {
      if (bell.stream !== 'events') return
      const news = newsOf(bell)
      const changed = news
        ? news.changes.filter(({ type }) => type === visibilityType).map(({ roomId }) => roomId)
        : (bell.keys.rooms ?? [])
      if (changed.length > 0) this.#version++
      for (const roomId of changed) this.#open.delete(roomId as RoomId) // keys of this stream are ids
    })
  }

  /**
   * Those of a room's events that the user may see, in their order. Messages of users he ignores are not among them unless
   * told, and none whose time is over.
   */
  async visibleTo(
    userId: UserId,
    roomId: RoomId,
    events: readonly StoredEvent[],
    { withIgnored = false }: { readonly withIgnored?: boolean } = {},
  ): Promise<StoredEvent[]> {
    if (events.length === 0) return []
    const [member, isOpen, hides] = await Promise.all([
      this.#members.find(roomId, userId),
      this.wasAlwaysOpen(roomId),
      this.hidden(userId, roomId, { withIgnored }),
    ])
    const wanted = events.filter(
      (event) => event.row.status === eventStatus.accepted && event.row.state_group !== null && hides?.(event) !== true,
    )
    // Events from before we were in the room came with a state of their own, which the log of changes does not have.
    const isSafe = isOpen && wanted.every(({ row }) => (row.stream_id ?? 0) > 0)
    if (member?.membership === 'join' && isSafe) return wanted
    const allows = await this.#rules(userId, roomId, member, wanted)
    const lasts = (event: StoredEvent): boolean => member?.membership === 'join' && this.#isSticky(event)
    return wanted.filter((event) => allows(event) || lasts(event))
  }

  /** Tells which events a member is not shown although he may read the room; undefined if there are none of that kind. */
  async hidden(
    userId: UserId,
    roomId: RoomId,
    { withIgnored = false }: { readonly withIgnored?: boolean } = {},
  ): Promise<((event: StoredEvent) => boolean) | undefined> {
    const [ignored, cut] = await Promise.all([withIgnored ? undefined : this.#ignored?.of(userId), this.cutOf(roomId)])
    if (!ignored?.size && cut === undefined) return undefined
    return (event) => isOver(event, cut) || (event.row.state_key === null && ignored?.has(event.row.sender) === true)
  }

  /** Messages from before this time are over, for everybody; undefined: none are. */
  async cutOf(roomId: RoomId): Promise<number | undefined> {
    return await this.#retention?.cutOf(roomId)
  }

  /** While an event sticks, all members may see it. https://github.com/matrix-org/matrix-spec-proposals/pull/4354 */
  #isSticky({ stickyMs, row }: StoredEvent): boolean {
    return stickyMs > 0 && row.origin_server_ts + stickyMs > this.#clock.now()
  }

  async isVisible(userId: UserId, event: StoredEvent): Promise<boolean> {
    return (await this.visibleTo(userId, event.roomId, [event])).length > 0
  }

  /** What the user was in the room at each of these events. */
  async membershipsAt(userId: UserId, events: readonly StoredEvent[]): Promise<ReadonlyMap<EventId, string>> {
    const moments = await this.#moments(userId, events)
    return new Map(events.map((event) => [event.eventId, moments(event).memberships[0] ?? 'leave']))
  }

  /** Throws `M_FORBIDDEN` unless the user may see what is in the room now: as a member, or because it is open to the world. */
  async requireWitness(userId: UserId, roomId: RoomId): Promise<void> {
    const { kind } = await this.requireReader(userId, roomId)
    if (kind === 'former') throw forbidden('You are not in this room')
  }

  /** How the user may read the room. Throws `M_FORBIDDEN` if he was never in it and it is not open to the world. */
  async requireReader(userId: UserId, roomId: RoomId): Promise<Reader> {
    const member = await this.#members.find(roomId, userId)
    if (member?.membership === 'join') return { kind: 'member', upto: undefined }
    if (await this.isWorldReadable(roomId)) return { kind: 'peeker', upto: undefined }
    if (member && member.forgotten === 0 && member.membership !== 'invite' && member.membership !== 'knock') {
      const end = await lastJoinEnd(this.#database, roomId, userId)
      if (end !== undefined) return { kind: 'former', upto: end }
    }
    throw forbidden('You are not in this room')
  }

  async isWorldReadable(roomId: RoomId): Promise<boolean> {
    const event = await findStateEvent(this.#database, roomId, visibilityType, '')
    return visibilityOf(event) === 'world_readable'
  }

  /** Reads at once what `visibleTo` asks of many rooms for a user. */
  async warm(userId: UserId, roomIds: readonly RoomId[]): Promise<void> {
    await Promise.all([this.#ignored?.of(userId), this.#warmRooms(roomIds)])
  }

  async #warmRooms(roomIds: readonly RoomId[]): Promise<void> {
    const missing = roomIds.filter((roomId) => !this.#open.has(roomId))
    if (missing.length === 0) return
    const version = this.#version
    const hidden = new Set<RoomId>()
    for (const event of await listHistoryVisibilities(this.#database, missing)) {
      if (!isOpenHistory(visibilityOf(event))) hidden.add(event.roomId)
    }
    if (version !== this.#version) return // else an older reading would stay
    for (const roomId of missing) this.#open.set(roomId, !hidden.has(roomId))
  }

  /** Whether the room never hid its history from members who joined later. False where it is not known just now. */
  async wasAlwaysOpen(roomId: RoomId): Promise<boolean> {
    await this.#warmRooms([roomId])
    // Where it changed just now, the slow way is right too.
    return this.#open.get(roomId) ?? false
  }

  async #rules(
    userId: UserId,
    roomId: RoomId,
    member: MembershipRow | undefined,
    events: readonly StoredEvent[],
  ): Promise<(event: StoredEvent) => boolean> {
    const [moments, lastJoined] = await Promise.all([
      this.#moments(userId, events),
      member?.membership === 'join' ? Infinity : lastJoinEnd(this.#database, roomId, userId),
    ])
    return (event) => {
      const { visibilities, memberships } = moments(event)
      if (event.row.type === 'm.room.member' && event.row.state_key === userId) return true
      if (memberships.includes('join')) return true
      const wasJoinedLater = lastJoined !== undefined && (event.row.stream_id ?? 0) < lastJoined
      return visibilities.some(
        (visibility) =>
          visibility === 'world_readable' ||
          (visibility === 'shared' && wasJoinedLater) ||
          (visibility === 'invited' && memberships.includes('invite')),
      )
    }
  }

  /** Reads at once what was in force at each of the events. */
  async #moments(userId: UserId, events: readonly StoredEvent[]): Promise<(event: StoredEvent) => Moment> {
    const memberKey = stateKeyOf('m.room.member', userId)
    const groups = new Map<number, StateMap>()
    for (const { row } of events) {
      if (row.state_group === null || groups.has(row.state_group)) continue
      groups.set(row.state_group, await this.#groups.find(this.#database, row.state_group, [visibilityKey, memberKey]))
    }
    // An event that changes one of the two is judged by what it changed as well.
    const deciding = ({ row }: StoredEvent): boolean =>
      (row.type === visibilityType && row.state_key === '') ||
      (row.type === 'm.room.member' && row.state_key === userId)
    const [states, replaced] = await Promise.all([
      this.#events.list([...groups.values()].flatMap((state) => [...state.values()].map(({ eventId }) => eventId))),
      this.#events.listByNid(events.filter(deciding).flatMap(({ row }) => row.replaces_nid ?? [])),
    ])
    const eventOf = (entry: StateEntry | undefined): StoredEvent | undefined => entry && states.get(entry.eventId)
    return (event) => {
      const state = groups.get(event.row.state_group ?? -1)
      const visibilities = [visibilityOf(eventOf(state?.get(visibilityKey)))]
      const memberships = [membershipOf(eventOf(state?.get(memberKey)))]
      if (deciding(event)) {
        const before = event.row.replaces_nid === null ? undefined : replaced.get(event.row.replaces_nid)
        if (event.row.type === visibilityType) visibilities.push(visibilityOf(before))
        else memberships.push(membershipOf(before))
      }
      return { visibilities, memberships }
    }
  }
}

export function isOpenHistory(visibility: HistoryVisibility): boolean {
  return visibility === 'shared' || visibility === 'world_readable'
}

/** Without a valid event it is `shared`. */
export function visibilityOf(event: StoredEvent | undefined): HistoryVisibility {
  const value: Json | undefined = event?.pdu.content['history_visibility']
  return value === 'world_readable' || value === 'invited' || value === 'joined' ? value : 'shared'
}

/** What a member event makes of its user; without one he is not in the room. */
export function membershipOf(event: StoredEvent | undefined): string {
  const membership = event?.pdu.content['membership']
  return typeof membership === 'string' ? membership : 'leave'
}
