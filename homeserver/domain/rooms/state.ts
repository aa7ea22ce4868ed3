/** Reads and sets the state of rooms. https://spec.matrix.org/v1.19/client-server-api/#getting-events-for-a-room */
import { ownerOf } from '../../core/auth/owned-state.ts'
import { encodeCanonical, isJsonObject } from '../../core/canonical-json.ts'
import { additionalCreators, namedLevel, userLevel } from '../../core/auth/power-levels.ts'
import { badJson, forbidden, invalidParam, notFound } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import { type EventId, isUserId, type RoomId, type ServerName, type UserId } from '../../core/ids.ts'
import { allowsServer } from '../../core/server-acl.ts'
import type { Database } from '../../storage/database.ts'
import { maxStickyMs, type StoredEvent } from '../../storage/events.ts'
import { currentStateEvents, findStateEvent, stateEventsAt } from '../../storage/rooms.ts'
import type { Requester } from '../accounts/requester.ts'
import type { EventDraft } from './build.ts'
import { checkCanonicalAlias } from './canonical-alias.ts'
import { sessionOf } from './client-event.ts'
import type { RoomDirectory } from './hooks.ts'
import type { Memberships } from './membership.ts'
import type { PartialRooms } from './partial-rooms.ts'
import { checkRetention, retentionTypes } from './retention/policy.ts'
import { roomPower } from './room-power.ts'
import type { Visibility } from './visibility.ts'
import { onlyEvent, type RoomWriter } from './writer.ts'

export interface RoomStateParts {
  readonly database: Database
  readonly writer: RoomWriter
  readonly visibility: Visibility
  readonly partialRooms: Pick<PartialRooms, 'whole'>
  readonly memberships: Memberships
  readonly directory: RoomDirectory
  readonly serverName: ServerName
}

/** A state event as a client wants it to be. */
export interface StateChangeRequest {
  readonly roomId: RoomId
  readonly type: string
  readonly stateKey: string
  readonly content: JsonObject
  /** For how many milliseconds it is told to everybody in the room, also where they do not ask for the state. */
  readonly stickyDuration?: number | undefined
  /** Under which the session asked, if it is to be told. */
  readonly transactionId?: string
}

type Check = (change: StateChangeRequest, before: StoredEvent | undefined, who: Requester) => void | Promise<void>

export class RoomState {
  readonly #parts: RoomStateParts
  /** What authorisation rules cannot say, by event type. */
  readonly #checks: ReadonlyMap<string, Check>

  constructor(parts: RoomStateParts) {
    this.#parts = parts
    const { directory, serverName, database } = parts
    const callMember: Check = (change, _before, who) => checkCallMember(database, change, who.userId)
    this.#checks = new Map<string, Check>([
      ['m.call.member', callMember],
      ['org.matrix.msc3401.call.member', callMember],
      [
        'm.room.canonical_alias',
        ({ roomId, content }, before) => checkCanonicalAlias(directory, roomId, content, before?.pdu.content),
      ],
      ['m.room.encryption', checkEncryption],
      ...retentionTypes.map((type) => [type, checkRetention] as const),
      ['m.room.power_levels', ({ roomId, content }) => checkPowerLevels(database, roomId, content)],
      ['m.room.server_acl', ({ content }) => checkServerAcl(content, serverName)],
    ])
  }

  /** The state as this user may see it: as it is, or as it was when they left. Throws `M_FORBIDDEN` for strangers. */
  async list(who: Requester, roomId: RoomId, types?: readonly string[]): Promise<StoredEvent[]> {
    const { database, visibility, partialRooms } = this.#parts
    const { upto } = await visibility.requireReader(who.userId, roomId)
    if (upto === undefined && (!types || types.includes('m.room.member'))) await partialRooms.whole(roomId)
    return upto === undefined
      ? await currentStateEvents(database, roomId, types)
      : await stateEventsAt(database, roomId, upto, types)
  }

  /** One event of that state. Throws `M_NOT_FOUND` if there is none. */
  async get(who: Requester, roomId: RoomId, type: string, stateKey: string): Promise<StoredEvent> {
    const { database, visibility, partialRooms } = this.#parts
    const { upto } = await visibility.requireReader(who.userId, roomId)
    if (upto === undefined && type === 'm.room.member' && stateKey !== who.userId) await partialRooms.whole(roomId)
    const event =
      upto === undefined
        ? await findStateEvent(database, roomId, type, stateKey)
        : (await stateEventsAt(database, roomId, upto, [type])).find(({ row }) => row.state_key === stateKey)
    if (!event) throw notFound('The room has no such state')
    return event
  }

  /** Sets it, unless the same user has set just this before: then that event is given. */
  async set(who: Requester, change: StateChangeRequest): Promise<EventId> {
    const { roomId, type, stateKey, content, stickyDuration, transactionId: id } = change
    if (type === 'm.room.create') throw badJson('A room has only the create event that it began with')
    if (type === 'm.room.member') {
      if (!isUserId(stateKey)) throw badJson('The state key of a member event is a user id')
      return await this.#parts.memberships.set(who, roomId, stateKey, content)
    }
    const before = await findStateEvent(this.#parts.database, roomId, type, stateKey)
    if (!stickyDuration && before?.row.sender === who.userId && before.contentText === encodeCanonical(content))
      return before.eventId
    await this.#checks.get(type)?.(change, before, who)
    if (stateKey.startsWith('@') && ownerOf(stateKey) === undefined) await this.#refuseUnowned(roomId)
    const draft: EventDraft = {
      type,
      sender: who.userId,
      content,
      stateKey,
      ...(stickyDuration ? { stickyMs: Math.min(stickyDuration, maxStickyMs) } : {}),
      ...(id === undefined ? {} : { transaction: { device: sessionOf(who).device ?? who.sessionId, id } }),
      ...(who.timestamp === undefined ? {} : { timestamp: who.timestamp }),
    }
    return onlyEvent(await this.#parts.writer.send(roomId, [draft]))
  }

  /** Where state has owners, a key that looks like one must name one. */
  async #refuseUnowned(roomId: RoomId): Promise<void> {
    const { version } = await roomPower(this.#parts.database, roomId)
    if (version.ownedState) throw badJson('The state key is neither a user id nor one with an underscore and more')
  }
}

/**
 * Taking part in a call is state of a device, under a key that the authorisation rules let anybody write. Here only the
 * user's own and, to clear away what a device has left behind, those of moderators get through.
 */
async function checkCallMember(
  database: Database,
  { roomId, stateKey }: StateChangeRequest,
  sender: UserId,
): Promise<void> {
  if (stateKey.startsWith('@') || stateKey.startsWith(`_${sender}_`)) return // the rules look at keys that are user ids
  const levels = await roomPower(database, roomId)
  const level = userLevel(levels, sender)
  if (level < 50 || level < namedLevel(levels, 'ban')) throw forbidden('The state key is that of another user')
}

function checkEncryption({ content }: StateChangeRequest, before: StoredEvent | undefined): void {
  if (before && typeof content['algorithm'] !== 'string') throw forbidden('Encryption cannot be turned off')
}

function checkServerAcl(content: JsonObject, serverName: ServerName): void {
  if (!allowsServer(content, serverName)) throw invalidParam('This would shut your own server out of the room')
}

/**
 * What is wrong with power levels whoever sets them: numbers that are none here, and levels of creators, who have power
 * without limit.
 */
async function checkPowerLevels(database: Database, roomId: RoomId, content: JsonObject): Promise<void> {
  const { version, create } = await roomPower(database, roomId)
  encodeCanonical(content, version)
  const { users } = content
  if (!isJsonObject(users)) return
  if (!version.privilegedCreators || !create) return
  const creators = [create.sender, ...additionalCreators(create)]
  if (creators.some((id) => Object.hasOwn(users, id))) throw badJson('Creators of the room have no level of their own')
}
