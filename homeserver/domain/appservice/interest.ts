/**
 * What application services want to be told of: what its users do, what is done to them, and what happens in the rooms
 * they are joined to or that are in its namespaces. https://spec.matrix.org/v1.19/application-service-api/#registration
 */
import type { RoomAlias, RoomId, UserId } from '../../core/ids.ts'
import type { Bus } from '../../platform/bus.ts'
import { Lru } from '../../platform/lru.ts'
import type { Database } from '../../storage/database.ts'
import { listMoves } from '../../storage/device-lists.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { type Appservice, type Appservices, mayActAs } from '../accounts/appservices.ts'
import type { Members } from '../rooms/members.ts'
import { newsOf } from '../rooms/news.ts'

export interface InterestParts {
  readonly database: Database
  readonly bus: Bus
  readonly members: Members
  readonly appservices: Appservices
  readonly aliases: RoomAliases
}

/** What is asked of the directory. */
interface RoomAliases {
  aliasesOf(roomId: RoomId): Promise<readonly RoomAlias[]>
  /** Told of rooms that got or lost an alias. */
  subscribe(listener: (roomId: RoomId) => void): () => void
}

/** Whether a room concerns a service, for events from the place `from` on. */
interface Known {
  readonly isConcerned: boolean
  readonly from: number
}

type RoomEvent = Pick<StoredEvent['row'], 'room_id' | 'stream_id' | 'type' | 'state_key' | 'sender'>

const MAX_ROOMS = 20_000

export class Interest {
  readonly #parts: InterestParts
  /** By room and service. */
  readonly #rooms = new Lru<RoomId, Map<Appservice, Known>>(MAX_ROOMS)
  /** Counts what changes the answers, so that one that was overtaken by a change is not kept. */
  #version = 0

  constructor(parts: InterestParts) {
    this.#parts = parts
    parts.aliases.subscribe((roomId) => this.#forget(roomId))
    parts.bus.subscribe((bell) => {
      if (bell.stream !== 'events') return
      const news = newsOf(bell)
      if (!news) for (const roomId of bell.keys.rooms ?? []) this.#forget(roomId as RoomId) // keys of this stream are ids
      for (const { room_id, user_id } of news?.memberships ?? []) {
        if (parts.appservices.all.some((appservice) => mayActAs(appservice, user_id))) this.#forget(room_id)
      }
    })
  }

  /** Registrations are others now. */
  clear(): void {
    this.#version++
    this.#rooms.clear()
  }

  /** By what was so when the event was sent, however late the question comes. */
  async inEvent(appservice: Appservice, event: RoomEvent): Promise<boolean> {
    if (mayActAs(appservice, event.sender)) return true
    const target = event.type === 'm.room.member' ? event.state_key : null
    if (target !== null && mayActAs(appservice, target as UserId)) return true // what is no user's id matches nothing
    return await this.inRoom(appservice, event.room_id, event.stream_id ?? 0)
  }

  /** By who was in the room before the event at this place of the events stream. */
  async inRoom(appservice: Appservice, roomId: RoomId, at: number): Promise<boolean> {
    if (appservice.rooms.some(({ matches }) => matches(roomId))) return true
    const known = this.#rooms.get(roomId)?.get(appservice)
    if (known && known.from <= at) return known.isConcerned
    const version = this.#version
    const { isConcerned, isSettled } = await this.#look(appservice, roomId, at)
    if (isSettled && version === this.#version) {
      const ofRoom = this.#rooms.get(roomId) ?? new Map<Appservice, Known>()
      ofRoom.set(appservice, { isConcerned, from: at })
      this.#rooms.set(roomId, ofRoom)
    }
    return isConcerned
  }

  /** Whether the user is the service's own, or in a room that concerns it. */
  async inUser(appservice: Appservice, userId: UserId, at: number): Promise<boolean> {
    if (mayActAs(appservice, userId)) return true
    for (const roomId of await this.#parts.members.joinedRooms(userId)) {
      if (await this.inRoom(appservice, roomId, at)) return true
    }
    return false
  }

  /** The service's users who are in the room now. */
  async usersIn(appservice: Appservice, roomId: RoomId): Promise<UserId[]> {
    const joined = await this.#parts.members.joined(roomId)
    return [...joined.keys()].filter((userId) => mayActAs(appservice, userId))
  }

  /** `isSettled`: no user of the service came or went since. */
  async #look(
    appservice: Appservice,
    roomId: RoomId,
    at: number,
  ): Promise<{ isConcerned: boolean; isSettled: boolean }> {
    const { database, aliases } = this.#parts
    const [now, moves, named] = await Promise.all([
      this.usersIn(appservice, roomId),
      listMoves(database, [roomId], at - 1, Number.MAX_SAFE_INTEGER),
      appservice.aliases.length === 0 ? [] : aliases.aliasesOf(roomId),
    ])
    const users = new Set(now)
    const own = moves.filter(({ userId }) => mayActAs(appservice, userId))
    // Backwards through what happened since, to who was there then.
    for (const { userId, isJoined } of own.toReversed()) {
      if (isJoined) users.delete(userId)
      else users.add(userId)
    }
    const isNamed = named.some((alias) => appservice.aliases.some(({ matches }) => matches(alias)))
    return { isConcerned: isNamed || users.size > 0, isSettled: own.length === 0 }
  }

  #forget(roomId: RoomId): void {
    this.#version++
    this.#rooms.delete(roomId)
  }
}
