/**
 * The state a room begins with, in the order the specification asks for.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom
 */
import { type JsonObject, type StateKey, stateKeyOf } from '../../core/event.ts'
import type { RoomAlias, UserId } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import type { EventDraft } from './build.ts'
import { initialPowerLevels } from './initial-power-levels.ts'

export type Preset = 'private_chat' | 'public_chat' | 'trusted_private_chat'

export interface InitialStateEvent {
  readonly type: string
  readonly stateKey: string
  readonly content: JsonObject
}

export interface InitialState {
  readonly version: RoomVersion
  readonly creator: UserId
  readonly preset: Preset
  readonly powerLevels?: JsonObject | undefined
  /** Whether the room is a call itself. */
  readonly isCall: boolean
  readonly alias?: RoomAlias | undefined
  readonly state: readonly InitialStateEvent[]
  readonly name?: string | undefined
  readonly topic?: string | undefined
  /** Contents of member events: the creator's own, and those of who is invited. */
  readonly creatorContent: JsonObject
  readonly invited: ReadonlyMap<UserId, JsonObject>
}

interface PresetRules {
  readonly joinRule: string
  /** Guests are kept out of a room that says nothing of them. */
  readonly guestAccess?: string
  /** The level it takes to invite. */
  readonly invite: number
}

const presets: Readonly<Record<Preset, PresetRules>> = {
  private_chat: { joinRule: 'invite', guestAccess: 'can_join', invite: 0 },
  trusted_private_chat: { joinRule: 'invite', guestAccess: 'can_join', invite: 0 },
  public_chat: { joinRule: 'public', invite: 50 },
}

/** What follows the create event. */
export function initialDrafts(room: InitialState, timestamp: number | undefined): EventDraft[] {
  const { creator: sender, creatorContent, alias, preset, name, topic, invited } = room
  const named = [
    ...(name === undefined || name === '' ? [] : [stateOf('m.room.name', { name })]),
    ...(topic === undefined || topic === '' ? [] : [stateOf('m.room.topic', topicContent(topic))]),
  ]
  const given = lastOfEach(room.state, new Set(named.map(keyOf)))
  const powerLevels = given.get(powerLevelsKey) ?? stateOf('m.room.power_levels', powerLevelsContent(room))
  given.delete(powerLevelsKey)
  const { joinRule, guestAccess } = presets[preset]
  const byDefault = [
    ...(alias === undefined ? [] : [stateOf('m.room.canonical_alias', { alias })]),
    stateOf('m.room.join_rules', { join_rule: joinRule }),
    stateOf('m.room.history_visibility', { history_visibility: 'shared' }),
    ...(guestAccess === undefined ? [] : [stateOf('m.room.guest_access', { guest_access: guestAccess })]),
  ].filter((event) => !given.has(keyOf(event)))
  const invites = [...invited].map(([userId, content]) => stateOf('m.room.member', content, userId))
  return [
    stateOf('m.room.member', creatorContent, sender),
    powerLevels,
    ...byDefault,
    ...given.values(),
    ...named,
    ...invites,
  ].map((event) => ({ ...event, sender, ...(timestamp === undefined ? {} : { timestamp }) }))
}

const powerLevelsKey = stateKeyOf('m.room.power_levels', '')

function stateOf(type: string, content: JsonObject, stateKey = ''): InitialStateEvent {
  return { type, stateKey, content }
}

function keyOf({ type, stateKey }: InitialStateEvent): StateKey {
  return stateKeyOf(type, stateKey)
}

function lastOfEach(
  events: readonly InitialStateEvent[],
  without: ReadonlySet<StateKey>,
): Map<StateKey, InitialStateEvent> {
  const last = new Map<StateKey, InitialStateEvent>()
  for (const event of events) if (!without.has(keyOf(event))) last.set(keyOf(event), event)
  return last
}

function powerLevelsContent({ version, creator, preset, powerLevels, isCall, invited }: InitialState): JsonObject {
  const trusted = preset === 'trusted_private_chat' ? invited.keys() : []
  return initialPowerLevels({
    version,
    // Where creators are privileged, they and the trusted are creators and stand in no power levels.
    users: version.privilegedCreators ? [] : [creator, ...trusted],
    isCall,
    override: { invite: presets[preset].invite, ...powerLevels },
  })
}

/** https://spec.matrix.org/v1.19/client-server-api/#mroomtopic */
function topicContent(topic: string): JsonObject {
  return { topic, 'm.topic': { 'm.text': [{ body: topic }] } }
}
