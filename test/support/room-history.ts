/** Random histories of rooms that fork, for property tests. */
import * as fc from 'fast-check'
import { isJsonObject } from '../../homeserver/core/canonical-json.ts'
import type { JsonObject } from '../../homeserver/core/event.ts'
import type { UserId } from '../../homeserver/core/ids.ts'
import { roomVersions, type RoomVersion } from '../../homeserver/core/room-version.ts'
import { joinRules, membership, powerLevels, RoomModel, type Draft, type State } from './room-model.ts'

export const creator: UserId = '@creator:a.example'
export const admin: UserId = '@admin:a.example'
export const mod: UserId = '@mod:b.example'
export const users: readonly UserId[] = [creator, admin, mod, '@user:b.example', '@guest:c.example', '@late:c.example']

export const anyVersion = fc.constantFrom(...Object.values(roomVersions))
const user = fc.constantFrom(...users)
const level = fc.constantFrom(-1, 0, 1, 50, 99, 100, 101)
// Few and not in order of sending, since servers may lie.
const ts = fc.nat(20)

const memberships = fc
  .record({ sender: user, target: user, value: fc.constantFrom('join', 'leave', 'invite', 'ban', 'knock'), ts })
  .map(({ sender, target, value, ts }) => ({ ...membership(target, value, sender), ts }))
const ownMemberships = fc
  .record({ sender: user, value: fc.constantFrom('join', 'leave', 'knock'), ts })
  .map(({ sender, value, ts }) => ({ ...membership(sender, value), ts }))
const levelChanges = fc
  .record({
    sender: user,
    named: fc.dictionary(fc.constantFrom('users_default', 'state_default', 'ban', 'kick', 'invite'), level, {
      maxKeys: 1,
    }),
    users: fc.dictionary(user, level, { maxKeys: 1 }),
    events: fc.dictionary(fc.constantFrom('m.room.topic', 'm.room.power_levels'), level, { maxKeys: 1 }),
    ts,
  })
  .map(({ sender, named, users, events, ts }) => ({ ...powerLevels(sender, { ...named, users, events }), ts }))
const joinRuleChanges = fc
  .record({ sender: user, rule: fc.constantFrom('public', 'invite', 'knock', 'restricted'), ts })
  .map(({ sender, rule, ts }) => ({ ...joinRules(sender, rule), ts }))
const otherState = fc
  .record({ sender: user, type: fc.constantFrom('m.room.topic', 'm.room.name'), ts })
  .map(({ sender, type, ts }): Draft => ({ type, sender, state_key: '', content: {}, ts }))

/** What somebody may try, with the changes of power levels only. */
export const anyDraft: fc.Arbitrary<Draft> = fc.oneof(
  memberships,
  ownMemberships,
  levelChanges,
  joinRuleChanges,
  otherState,
)

/** Power levels are sent whole: the changes are put into those of the room. */
export function completed(draft: Draft, room: RoomModel, state: State): Draft {
  if (draft.type !== 'm.room.power_levels') return draft
  const current = room.content(state, draft.type) ?? {}
  const merged = (map: 'users' | 'events'): JsonObject => ({
    ...objectAt(current, map),
    ...objectAt(draft.content, map),
  })
  return { ...draft, content: { ...current, ...draft.content, users: merged('users'), events: merged('events') } }
}

function objectAt(content: JsonObject, key: string): JsonObject {
  const value = content[key]
  return isJsonObject(value) ? value : {}
}

/** A public room with everybody in it but the last user. */
export function peopledRoom(version: RoomVersion): { room: RoomModel; state: State } {
  const room = new RoomModel(version, { creator })
  const state = new Map(room.start)
  const levels = { [admin]: 100, [mod]: 50, ...(version.privilegedCreators ? {} : { [creator]: 100 }) }
  room.add(state, powerLevels(creator, { users: levels }))
  room.add(state, joinRules(creator, 'public'))
  for (const userId of users.slice(1, -1)) room.add(state, membership(userId, 'join'))
  return { room, state }
}

export interface History {
  readonly room: RoomModel
  /** The states after the tips. */
  readonly forks: [State, State, State]
}

/** Rooms that split in three, each part going on by what its own state allows. */
export function anyHistory(version: fc.Arbitrary<RoomVersion>, draft = anyDraft): fc.Arbitrary<History> {
  const apart = fc.array(draft, { maxLength: 15 })
  return fc
    .record({ version, shared: fc.array(draft, { maxLength: 8 }), apart: fc.tuple(apart, apart, apart) })
    .map(({ version, shared, apart: [first, second, third] }) => {
      const { room, state } = peopledRoom(version)
      const play = (from: State, drafts: readonly Draft[]): State => {
        const fork = new Map(from)
        for (const draft of drafts) room.send(fork, completed(draft, room, fork))
        return fork
      }
      const before = play(state, shared)
      const forks: History['forks'] = [play(before, first), play(before, second), play(before, third)]
      return { room, forks, [fc.toStringMethod]: () => describe(room, forks) }
    })
}

/** One line for each event, for the report of a failure. */
function describe({ version, events }: RoomModel, forks: History['forks']): string {
  const lines = events.values().map(({ eventId, pdu }) => {
    const { type, state_key: stateKey, sender, content, origin_server_ts: ts, auth_events: cited } = pdu
    const tips = forks.flatMap((fork, at) => (fork.values().some((id) => id === eventId) ? [at] : []))
    return JSON.stringify([eventId, type, stateKey, sender, content, { ts, cited, tips }])
  })
  return [`room version ${version.id}`, ...lines].join('\n')
}
