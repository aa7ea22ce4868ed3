/**
 * Profiles of the people of this server with whom the user shares rooms: whole when a room is new to the client, then what
 * changes. https://github.com/matrix-org/matrix-spec-proposals/pull/4262
 */
import type { Json } from '../../../../core/event.ts'
import type { RoomId, UserId } from '../../../../core/ids.ts'
import type { Database } from '../../../../storage/database.ts'
import { listProfileChanges, listProfiles } from '../../../../storage/profiles.ts'
import { wireOf } from '../../../accounts/profiles.ts'
import type { Members } from '../../../rooms/members.ts'
import type { Notifier } from '../../notifier.ts'
import { sinceOf } from '../../span.ts'
import type { RoomAnswer } from '../joined-rooms.ts'
import { isLazy } from '../room-config.ts'
import { type Extension, type ExtensionAnswer, nothingToSay, roomsOf, type Scene } from './extension.ts'

export interface ProfilesParts {
  readonly database: Database
  readonly members: Members
  readonly notifier: Notifier
}

/** What a user's profile has now of the fields that are to be told. */
interface Update {
  readonly updated?: Readonly<Record<string, Json>>
  readonly removed?: readonly string[]
}

export class ProfilesExtension implements Extension {
  readonly name = 'org.matrix.msc4262.profiles'
  readonly #parts: ProfilesParts

  constructor(parts: ProfilesParts) {
    this.#parts = parts
  }

  async answer(scene: Scene): Promise<ExtensionAnswer> {
    const { profiles: asked } = scene.request.extensions
    if (!asked?.enabled) return nothingToSay
    const wants = (field: string): boolean => asked.fields?.includes(field) ?? true
    const [whole, changed] = await Promise.all([this.#newcomers(scene), this.#changes(scene)])
    const found = await listProfiles(this.#parts.database, [...new Set([...whole, ...changed.keys()])])
    const users: Record<UserId, Update> = {}
    for (const userId of new Set([...whole, ...changed.keys()])) {
      const profile = found.get(userId)
      const fields = profile ? wireOf(profile) : {}
      const names = new Set([...(changed.get(userId) ?? []), ...(whole.has(userId) ? Object.keys(fields) : [])])
      const update = updateOf(fields, [...names].filter(wants))
      if (update) users[userId] = update
    }
    if (Object.keys(users).length === 0) return nothingToSay
    return { text: JSON.stringify({ users }), hasNews: true }
  }

  /** Those whom the client may not know yet: in rooms that it did not follow, and who came into others. */
  async #newcomers(scene: Scene): Promise<ReadonlySet<UserId>> {
    const { answers, returning, met } = scene
    const rooms = roomsOf(scene, scene.request.extensions.profiles)
    const users = new Set<UserId>()
    const { members } = this.#parts
    for (const [roomId, answer] of answers) {
      if (!rooms.has(roomId)) continue
      const isNew = returning.has(roomId)
      if (isNew && !isLazy(answer.config)) for (const userId of (await members.joined(roomId)).keys()) users.add(userId)
      else for (const userId of shown(answer, { isNew })) users.add(userId)
    }
    for (const userId of met.users) users.add(userId)
    for (const userId of users) if (!members.isLocal(userId)) users.delete(userId)
    return users
  }

  /** The fields that changed of those who share a room with the user, whatever the client shows, and of himself. */
  async #changes({ span }: Scene): Promise<ReadonlyMap<UserId, readonly string[]>> {
    const { database, members, notifier } = this.#parts
    const { userId } = span.who
    const after = sinceOf(span, 'profiles')
    const rooms = span.since && span.upto.profiles > after ? await members.roomsOf(userId) : undefined
    if (!rooms || !notifier.concerns('profiles', userId, rooms, after)) return new Map()
    const byUser = Map.groupBy(await listProfileChanges(database, after, span.upto.profiles), (change) => change.userId)
    const shares = (roomId: RoomId): boolean => rooms.get(roomId)?.membership === 'join'
    const told = new Map<UserId, readonly string[]>()
    for (const [changed, changes] of byUser) {
      if (changed !== userId && !(await members.joinedRooms(changed)).some(shares)) continue
      told.set(
        changed,
        changes.map(({ field }) => field),
      )
    }
    return told
  }
}

/** Whom a client that loads members lazily gets to see. */
function* shown({ timeline, state }: RoomAnswer, { isNew }: { readonly isNew: boolean }): Generator<UserId> {
  if (isNew) for (const { row } of timeline.events) yield row.sender
  // The rules have seen that the state key of a member event is a user.
  for (const { row } of state) if (row.type === 'm.room.member') yield row.state_key as UserId
}

function updateOf(fields: Readonly<Record<string, Json>>, names: readonly string[]): Update | undefined {
  if (names.length === 0) return undefined
  const present = names.filter((name) => Object.hasOwn(fields, name))
  const removed = names.filter((name) => !Object.hasOwn(fields, name))
  return {
    ...(present.length > 0 ? { updated: Object.fromEntries(present.map((name) => [name, fields[name] ?? null])) } : {}),
    ...(removed.length > 0 ? { removed } : {}),
  }
}
