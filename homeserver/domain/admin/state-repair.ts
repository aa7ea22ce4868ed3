/**
 * Rooms about whose state two servers disagree: what another one tells of it, and how its word is taken. The events are
 * verified as any event of another server; that they are the state of the room is what that server is believed.
 */
import { forbidden, MatrixError, notFound, refuse } from '../../core/errors.ts'
import { type StateKey, stateKeyOf } from '../../core/event.ts'
import type { EventId, RoomId, ServerName, UserId } from '../../core/ids.ts'
import { findRoomVersion } from '../../core/room-version.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { StateGroups, type StateMap } from '../../storage/state-groups.ts'
import { currentState, findRoom } from '../../storage/rooms.ts'
import type { MissingParts, Place } from '../federation/receive/missing-parts.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { RoomHooks } from '../rooms/hooks.ts'
import { memberContents } from '../rooms/member-content.ts'
import type { Members } from '../rooms/members.ts'
import { findBranches, type StateBranches } from '../rooms/state-branches.ts'

/** A key of the state and what it is on both sides; undefined for nothing. */
export interface StateDifference {
  readonly key: StateKey
  readonly here: StoredEvent | undefined
  readonly there: StoredEvent | undefined
}

export interface StateComparison {
  /** After this event both states are those that are compared. */
  readonly at: EventId
  readonly differences: readonly StateDifference[]
}

export interface StateRepairParts {
  readonly database: Database
  readonly events: EventCache
  readonly members: Members
  readonly missingParts: Pick<MissingParts, 'stateAt'>
  readonly roomHooks: Pick<RoomHooks, 'remoteRooms'>
}

/** For all that one question needs. */
const TIMEOUT_MS = 60_000

export class StateRepair {
  readonly #parts: StateRepairParts

  constructor(parts: StateRepairParts) {
    this.#parts = parts
  }

  /** Where its history has forked here. Throws `M_NOT_FOUND` for a room that is not here. */
  async branches(roomId: RoomId): Promise<StateBranches> {
    return await findBranches(this.#parts, roomId)
  }

  /** The state after our newest event that the server knows. Throws what it answers, and `M_NOT_FOUND` if it knows none. */
  async compare(roomId: RoomId, server: ServerName): Promise<StateComparison> {
    const { database, events } = this.#parts
    this.#remoteRooms()
    const { version: id, tips } = await this.branches(roomId)
    const version = findRoomVersion(id)
    if (!version) throw notFound('There is no such room here')
    const place = { origin: server, roomId, version, signal: AbortSignal.timeout(TIMEOUT_MS) }
    const { tip, told } = await this.#newestKnown(place, tips)
    const here = tip.row.state_group === null ? new Map() : await new StateGroups().load(database, tip.row.state_group)
    const there = stateOf([...(await events.list(told)).values()])
    return { at: tip.eventId, differences: await this.#differences(here, there) }
  }

  /**
   * Has a local user join by way of the server, and makes the state it tells then the room's, here. Gives what has changed
   * by it. Throws what the server answers, and `M_FORBIDDEN` for a state in which the user may not join.
   */
  async takeFrom(
    roomId: RoomId,
    server: ServerName,
    userId: UserId,
  ): Promise<{ readonly eventId: EventId; readonly changes: readonly StateDifference[] }> {
    const { database, members } = this.#parts
    const remote = this.#remoteRooms()
    if (!members.isLocal(userId)) throw refuse(400, 'M_INVALID_PARAM', `${userId} is not a user of this server`)
    if (!(await findRoom(database, roomId))) throw notFound('There is no such room here')
    const before = await currentState(database, roomId)
    const content = (await memberContents(database, 'join', [userId])).get(userId) ?? { membership: 'join' }
    const eventId = await remote.joinAnew(server, { roomId, userId, content, via: [server] })
    const after = await currentState(database, roomId)
    return { eventId, changes: await this.#differences(before, after) }
  }

  #remoteRooms(): RoomHooks['remoteRooms'][number] {
    const [remote] = this.#parts.roomHooks.remoteRooms
    if (!remote) throw forbidden('This server does not talk to other servers')
    return remote
  }

  async #newestKnown(
    place: Place,
    tips: readonly StoredEvent[],
  ): Promise<{ readonly tip: StoredEvent; readonly told: readonly EventId[] }> {
    let refusal = notFound(`${place.origin} knows none of the newest events of the room`)
    for (const tip of tips) {
      try {
        const { stateBefore } = await this.#parts.missingParts.stateAt(place, tip.eventId, { after: true })
        return { tip, told: stateBefore }
      } catch (error) {
        if (!(error instanceof MatrixError)) throw error
        if (error.errcode !== 'M_NOT_FOUND') refusal = error
      }
    }
    throw refusal
  }

  async #differences(here: StateMap, there: StateMap): Promise<StateDifference[]> {
    const keys = [...new Set([...here.keys(), ...there.keys()])]
    const odd = keys.filter((key) => here.get(key)?.eventId !== there.get(key)?.eventId).toSorted()
    const known = await this.#parts.events.list(
      odd.flatMap((key) => [here.get(key)?.eventId ?? [], there.get(key)?.eventId ?? []].flat()),
    )
    const find = (state: StateMap, key: StateKey): StoredEvent | undefined => known.get(state.get(key)?.eventId ?? '$')
    return odd.map((key) => ({ key, here: find(here, key), there: find(there, key) }))
  }
}

function stateOf(events: readonly StoredEvent[]): StateMap {
  return new Map(
    events.flatMap(({ eventId, row: { nid, type, state_key: stateKey } }) =>
      stateKey === null ? [] : [[stateKeyOf(type, stateKey), { nid, eventId }]],
    ),
  )
}
