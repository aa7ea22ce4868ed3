/** What was said around an event that was found. */
import { type Json, stateKeyOf } from '../../core/event.ts'
import type { UserId } from '../../core/ids.ts'
import type { PaginationToken } from '../../core/token.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { type Direction, listRoomEvents, placeBeyond } from '../../storage/history.ts'
import type { Profile as WholeProfile } from '../../storage/profiles.ts'
import type { StateGroups } from '../../storage/state-groups.ts'
import type { Requester } from '../accounts/requester.ts'
import type { ClientEvents } from '../rooms/client-event.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { Visibility } from '../rooms/visibility.ts'

export interface ContextParts {
  readonly database: Database
  readonly events: EventCache
  readonly groups: StateGroups
  readonly visibility: Visibility
  readonly clientEvents: ClientEvents
}

export interface ContextWish {
  /** How many events. */
  readonly before: number
  readonly after: number
  readonly profiles: boolean
}

type Profile = Pick<WholeProfile, 'displayname' | 'avatarUrl'>

/** Events are JSON texts, the one next to what was found first. */
export interface SearchContext {
  readonly start: PaginationToken | undefined
  readonly end: PaginationToken | undefined
  readonly before: readonly string[]
  readonly after: readonly string[]
  /** Of those who sent the events, as they were called then. */
  readonly profiles: ReadonlyMap<UserId, Profile> | undefined
}

interface Side {
  readonly events: readonly StoredEvent[]
  readonly place: PaginationToken | undefined
}

/** `upto` is where the reader's view of the room ends. */
export async function contextOf(
  parts: ContextParts,
  who: Requester,
  event: StoredEvent,
  { upto, ...wish }: ContextWish & { readonly upto: number | undefined },
): Promise<SearchContext> {
  const side = (dir: Direction, limit: number): Promise<Side> =>
    readSide(parts, who.userId, event, { dir, limit, upto })
  const [before, after] = await Promise.all([side('b', wish.before), side('f', wish.after)])
  const last = after.events.at(-1) ?? event
  const [textsBefore, textsAfter, profiles] = await Promise.all([
    parts.clientEvents.texts(before.events, who),
    parts.clientEvents.texts(after.events, who),
    wish.profiles ? profilesAt(parts, last, [...before.events, event, ...after.events]) : undefined,
  ])
  return { start: before.place, end: after.place, before: textsBefore, after: textsAfter, profiles }
}

async function readSide(
  { database, events, visibility }: ContextParts,
  userId: UserId,
  event: StoredEvent,
  { dir, limit, upto }: { dir: Direction; limit: number; upto: number | undefined },
): Promise<Side> {
  const from = placeBeyond(event.row, { dir })
  if (limit === 0) return { events: [], place: from }
  const range = { dir, from, limit, upTo: upto }
  const page = await listRoomEvents(database, event.roomId, range, { peek: (id) => events.peek(id) })
  const seen = await visibility.visibleTo(userId, event.roomId, page.events)
  return { events: seen, place: placeBeyond(page.events.at(-1)?.row, range) ?? from }
}

async function profilesAt(
  { database, events, groups }: ContextParts,
  last: StoredEvent,
  shown: readonly StoredEvent[],
): Promise<ReadonlyMap<UserId, Profile>> {
  const senders = [...new Set(shown.map((event) => event.row.sender))]
  const keys = senders.map((userId) => stateKeyOf('m.room.member', userId))
  const group = last.row.state_group
  const state = group === null ? undefined : await groups.find(database, group, keys)
  const members = await events.list([...(state?.values() ?? [])].map(({ eventId }) => eventId))
  return new Map(
    [...members.values()].map(({ row, pdu: { content } }) => [
      row.state_key as UserId, // of a member event
      { displayname: textOrNothing(content['displayname']), avatarUrl: textOrNothing(content['avatar_url']) },
    ]),
  )
}

function textOrNothing(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
