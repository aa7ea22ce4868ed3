/**
 * Room versions 1 to 12 as data: each is the version before it plus its difference.
 * https://spec.matrix.org/v1.19/rooms/
 *
 * Rule code asks for a named flag, never for a version number.
 */

export type RoomVersionId =
  `${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12}` | 'org.matrix.msc3757.10' | 'org.matrix.msc3757.11'

export interface RoomVersion {
  readonly id: RoomVersionId
  /** `server`: `$opaque:server` chosen by the sender, references are `[id, hashes]` pairs. Else the reference hash in this alphabet, references are plain ids. */
  readonly eventIds: 'server' | 'base64' | 'base64url'
  readonly stateResolution: 'v1' | 'v2' | 'v2.1'
  /** Signing keys must have been valid at `origin_server_ts` (v5). */
  readonly enforceKeyValidity: boolean
  /** Integers only, within ±(2^53-1), no exponents or fractions (v6). */
  readonly strictCanonicalJson: boolean
  /** Sender, type and state key have at most 255 bytes; before, 255 code points (v11). The text never meant code points, but Synapse took such events. */
  readonly strictByteLimits: boolean
  /** `m.room.aliases` is authorised by its state key alone (before v6). */
  readonly aliasesRule: boolean
  /** Changes of `notifications` in power levels are checked (v6). */
  readonly checkNotificationLevels: boolean
  readonly knock: boolean
  readonly restricted: boolean
  readonly knockRestricted: boolean
  /** Power levels must be integers, not strings (v10). */
  readonly integerPowerLevels: boolean
  /** State under one's own user id plus `_` and more is one's own, and that of users below is open to those above (MSC3757). */
  readonly ownedState: boolean
  /** The creator is the sender of the create event; `content.creator` is gone (v11). */
  readonly creatorFromSender: boolean
  /** The room id is the create event's id with `!`; `m.room.create` has no `room_id` and is not cited in `auth_events` (v12). */
  readonly roomIdIsCreateHash: boolean
  /** Creators, `additional_creators` included, have infinite power and stand in no power levels (v12). */
  readonly privilegedCreators: boolean
  readonly redaction: RedactionRules
}

/** What the redaction algorithm of a version keeps. https://spec.matrix.org/v1.19/rooms/v11/#redactions */
export interface RedactionRules {
  /** Top-level keys that survive. */
  readonly topLevel: readonly string[]
  /** By event type: the content keys that survive; `all` keeps the content whole; a nested list keeps those keys of an object. */
  readonly content: Readonly<Record<string, 'all' | readonly ContentKey[]>>
  /** The redaction names its event in `content.redacts` instead of top-level `redacts` (v11). */
  readonly redactsInContent: boolean
}

/** A key kept whole, or a key whose object keeps only some keys of its own. */
type ContentKey = string | { readonly key: string; readonly only: readonly string[] }

const redactionV1: RedactionRules = {
  topLevel: [
    'event_id',
    'type',
    'room_id',
    'sender',
    'state_key',
    'content',
    'hashes',
    'signatures',
    'depth',
    'prev_events',
    'prev_state',
    'auth_events',
    'origin',
    'origin_server_ts',
    'membership',
  ],
  content: {
    'm.room.member': ['membership'],
    'm.room.create': ['creator'],
    'm.room.join_rules': ['join_rule'],
    'm.room.power_levels': [
      'ban',
      'events',
      'events_default',
      'kick',
      'redact',
      'state_default',
      'users',
      'users_default',
    ],
    'm.room.aliases': ['aliases'],
    'm.room.history_visibility': ['history_visibility'],
  },
  redactsInContent: false,
}

const { 'm.room.aliases': _aliases, ...withoutAliases } = redactionV1.content
const redactionV6: RedactionRules = { ...redactionV1, content: withoutAliases }
const redactionV8: RedactionRules = {
  ...redactionV6,
  content: { ...redactionV6.content, 'm.room.join_rules': ['join_rule', 'allow'] },
}
const redactionV9: RedactionRules = {
  ...redactionV8,
  content: { ...redactionV8.content, 'm.room.member': ['membership', 'join_authorised_via_users_server'] },
}
const redactionV11: RedactionRules = {
  topLevel: redactionV9.topLevel.filter((key) => !['prev_state', 'origin', 'membership'].includes(key)),
  content: {
    ...redactionV9.content,
    'm.room.create': 'all',
    'm.room.redaction': ['redacts'],
    'm.room.member': [
      'membership',
      'join_authorised_via_users_server',
      { key: 'third_party_invite', only: ['signed'] },
    ],
    'm.room.power_levels': [
      'ban',
      'events',
      'events_default',
      'invite',
      'kick',
      'redact',
      'state_default',
      'users',
      'users_default',
    ],
  },
  redactsInContent: true,
}

const v1: RoomVersion = {
  id: '1',
  eventIds: 'server',
  stateResolution: 'v1',
  enforceKeyValidity: false,
  strictCanonicalJson: false,
  strictByteLimits: false,
  aliasesRule: true,
  checkNotificationLevels: false,
  knock: false,
  restricted: false,
  knockRestricted: false,
  integerPowerLevels: false,
  ownedState: false,
  creatorFromSender: false,
  roomIdIsCreateHash: false,
  privilegedCreators: false,
  redaction: redactionV1,
}
const v2: RoomVersion = { ...v1, id: '2', stateResolution: 'v2' }
const v3: RoomVersion = { ...v2, id: '3', eventIds: 'base64' }
const v4: RoomVersion = { ...v3, id: '4', eventIds: 'base64url' }
const v5: RoomVersion = { ...v4, id: '5', enforceKeyValidity: true }
const v6: RoomVersion = {
  ...v5,
  id: '6',
  strictCanonicalJson: true,
  aliasesRule: false,
  checkNotificationLevels: true,
  redaction: redactionV6,
}
const v7: RoomVersion = { ...v6, id: '7', knock: true }
const v8: RoomVersion = { ...v7, id: '8', restricted: true, redaction: redactionV8 }
const v9: RoomVersion = { ...v8, id: '9', redaction: redactionV9 }
const v10: RoomVersion = { ...v9, id: '10', knockRestricted: true, integerPowerLevels: true }
const v11: RoomVersion = { ...v10, id: '11', strictByteLimits: true, creatorFromSender: true, redaction: redactionV11 }
const v12: RoomVersion = {
  ...v11,
  id: '12',
  stateResolution: 'v2.1',
  roomIdIsCreateHash: true,
  privilegedCreators: true,
}

export const roomVersions: Readonly<Record<RoomVersionId, RoomVersion>> = {
  1: v1,
  2: v2,
  3: v3,
  4: v4,
  5: v5,
  6: v6,
  7: v7,
  8: v8,
  9: v9,
  10: v10,
  11: v11,
  12: v12,
  'org.matrix.msc3757.10': { ...v10, id: 'org.matrix.msc3757.10', ownedState: true },
  'org.matrix.msc3757.11': { ...v11, id: 'org.matrix.msc3757.11', ownedState: true },
}

/** Whether it is one of the specification, not that of a proposal. */
export function isStable(id: RoomVersionId): boolean {
  return !id.includes('.')
}

/** Versions of the specification alone. */
export const stableVersions: readonly RoomVersionId[] = Object.values(roomVersions).flatMap(({ id }) =>
  isStable(id) ? id : [],
)

/** The rules of a room version, or undefined where we do not know it. */
export function findRoomVersion(id: string): RoomVersion | undefined {
  return Object.hasOwn(roomVersions, id) ? roomVersions[id as RoomVersionId] : undefined
}
