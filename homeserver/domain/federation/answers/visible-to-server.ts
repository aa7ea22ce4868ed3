/**
 * Which events the users of a server could see, so that their server may have them whole (T40). Others are given
 * redacted: their place in the history is known to all servers in the room.
 * https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility
 */
import { encodeCanonical } from '../../../core/canonical-json.ts'
import { type StateKey, stateKeyOf } from '../../../core/event.ts'
import type { ServerName } from '../../../core/ids.ts'
import { redact } from '../../../core/redact.ts'
import type { Database } from '../../../storage/database.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import { listMembersOfServer } from '../../../storage/memberships.ts'
import { StateGroups, type StateMap } from '../../../storage/state-groups.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import { isOver } from '../../rooms/retention/policy.ts'
import { isOpenHistory, membershipOf, type Visibility, visibilityOf } from '../../rooms/visibility.ts'
import type { Visitor } from './room-access.ts'

const visibilityKey = stateKeyOf('m.room.history_visibility', '')

export interface ServerVisibilityParts {
  readonly database: Database
  readonly events: EventCache
  readonly visibility: Visibility
}

export class ServerVisibility {
  readonly #parts: ServerVisibilityParts
  readonly #groups = new StateGroups()

  constructor(parts: ServerVisibilityParts) {
    this.#parts = parts
  }

  /** The events as JSON for this server, in their order: redacted what its users could not see. */
  async texts(visitor: Visitor, events: readonly StoredEvent[]): Promise<string[]> {
    const mayHave = await this.#filter(visitor, events)
    return events.map((event) =>
      mayHave(event) ? event.row.json : encodeCanonical(redact(event.pdu, visitor.version), visitor.version),
    )
  }

  /** Those of the events that the server may have whole. */
  async visible(visitor: Visitor, events: readonly StoredEvent[]): Promise<StoredEvent[]> {
    return events.filter(await this.#filter(visitor, events))
  }

  async #filter(visitor: Visitor, events: readonly StoredEvent[]): Promise<(event: StoredEvent) => boolean> {
    const [couldSee, cut] = await Promise.all([
      this.#couldSee(visitor, events),
      this.#parts.visibility.cutOf(visitor.roomId),
    ])
    return (event) => !isOver(event, cut) && couldSee(event)
  }

  async #couldSee(
    { origin, roomId }: Visitor,
    events: readonly StoredEvent[],
  ): Promise<(event: StoredEvent) => boolean> {
    const { database, visibility } = this.#parts
    const isSafe = events.every(({ row }) => (row.stream_id ?? 0) > 0)
    if (isSafe && (await visibility.wasAlwaysOpen(roomId))) return () => true
    const memberKeys = (await listMembersOfServer(database, roomId, origin)).map((userId) =>
      stateKeyOf('m.room.member', userId),
    )
    const open = new Map<number, boolean>()
    for (const { row } of events) {
      if (row.state_group === null || open.has(row.state_group)) continue
      open.set(row.state_group, await this.#isOpen(row.state_group, memberKeys))
    }
    return ({ row }) =>
      // State is told to every server in the room anyway, and what is known as such alone has no place in the history.
      row.state_group === null
        ? row.state_key !== null
        : open.get(row.state_group) === true || isOf(origin, row.sender) || isAbout(origin, row)
  }

  /** Whether the server's users could see what happened while this was the state. */
  async #isOpen(group: number, memberKeys: readonly StateKey[]): Promise<boolean> {
    const { database } = this.#parts
    const state = await this.#groups.find(database, group, [visibilityKey, ...memberKeys])
    const events = await this.#parts.events.list([...state.values()].map(({ eventId }) => eventId))
    const eventAt = (key: StateKey, map: StateMap): StoredEvent | undefined => events.get(map.get(key)?.eventId ?? '$')
    const rule = visibilityOf(eventAt(visibilityKey, state))
    if (isOpenHistory(rule)) return true
    return memberKeys.some((key) => {
      const membership = membershipOf(eventAt(key, state))
      return membership === 'join' || (membership === 'invite' && rule === 'invited')
    })
  }
}

function isOf(origin: ServerName, userId: string): boolean {
  return userId.endsWith(`:${origin}`)
}

/** An invite, kick or ban of a user of the server. */
function isAbout(origin: ServerName, { type, state_key: stateKey }: StoredEvent['row']): boolean {
  return type === 'm.room.member' && stateKey !== null && isOf(origin, stateKey)
}
