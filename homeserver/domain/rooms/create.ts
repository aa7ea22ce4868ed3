/** Makes rooms. https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom */
import { isCallRoom } from '../../core/call-rooms.ts'
import { isJsonObject } from '../../core/canonical-json.ts'
import { badJson, forbidden, invalidParam, MatrixError, refuse, tooLarge } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import { isRoomAlias, isUserId, type RoomAlias, type RoomId, type UserId } from '../../core/ids.ts'
import { findRoomVersion, type RoomVersion } from '../../core/room-version.ts'
import { logger } from '../../platform/log.ts'
import type { Database } from '../../storage/database.ts'
import type { Requester } from '../accounts/requester.ts'
import { maxInitialInvites, maxInitialState } from '../limits.ts'
import type { RoomDirectory, RoomHooks } from './hooks.ts'
import { initialDrafts, type InitialStateEvent, type Preset } from './initial-state.ts'
import { checkInvitePermission } from './invite-permission.ts'
import { memberContent, memberContents } from './member-content.ts'
import type { Members } from './members.ts'
import type { Memberships } from './membership.ts'
import type { RoomWriter } from './writer.ts'

export interface RoomOptions {
  readonly visibility?: 'public' | 'private' | undefined
  /** Follows from `visibility` unless told. */
  readonly preset?: Preset | undefined
  readonly aliasLocalpart?: string | undefined
  readonly version?: string | undefined
  readonly creationContent?: JsonObject | undefined
  readonly powerLevels?: JsonObject | undefined
  readonly state?: readonly InitialStateEvent[] | undefined
  readonly name?: string | undefined
  readonly topic?: string | undefined
  readonly invite?: readonly UserId[] | undefined
  readonly isDirect?: boolean | undefined
}

export interface RoomCreatorParts {
  readonly database: Database
  readonly writer: RoomWriter
  readonly members: Members
  readonly directory: RoomDirectory
  readonly memberships: Memberships
  readonly roomHooks: RoomHooks
  readonly serverName: string
  readonly defaultVersion: string
}

const log = logger('rooms')

/** Invitations of users of other servers. */
const INVITES_AT_ONCE = 10

export class RoomCreator {
  readonly #parts: RoomCreatorParts

  constructor(parts: RoomCreatorParts) {
    this.#parts = parts
  }

  /** The whole room is there or nothing of it. */
  async create(who: Requester, options: RoomOptions): Promise<RoomId> {
    const { database, writer, members, directory, defaultVersion } = this.#parts
    if (who.isGuest) throw refuse(403, 'M_GUEST_ACCESS_FORBIDDEN', 'Guests cannot make rooms')
    const { visibility = 'private', state = [] } = options
    const preset = options.preset ?? (visibility === 'public' ? 'public_chat' : 'private_chat')
    const version = versionOf(options.version ?? defaultVersion)
    const invited = [...new Set(options.invite)]
    if (state.length > maxInitialState) throw tooLarge(`A room can begin with at most ${maxInitialState} state events`)
    checkInvited(invited)
    const { here = [], elsewhere = [] } = Object.groupBy(invited, (id) => (members.isLocal(id) ? 'here' : 'elsewhere'))
    this.#checkElsewhere(elsewhere, options)
    checkPowerLevels(options.powerLevels, version, who.userId)
    const alias = options.aliasLocalpart === undefined ? undefined : this.#aliasOf(options.aliasLocalpart)
    if (alias !== undefined) await directory.checkNew(who, alias)
    await checkInvitePermission(database, who.userId, invited)

    const [own, contents] = await Promise.all([
      memberContents(database, 'join', [who.userId]),
      memberContents(database, 'invite', here, options.isDirect === true ? { is_direct: true } : {}),
    ])
    const drafts = initialDrafts(
      {
        version,
        creator: who.userId,
        preset,
        powerLevels: options.powerLevels,
        isCall: isCallRoom(options.creationContent?.['type']),
        alias,
        state,
        name: options.name,
        topic: options.topic,
        creatorContent: own.get(who.userId) ?? memberContent('join', undefined),
        invited: contents,
      },
      who.timestamp,
    )
    const content = createContent(who.userId, version, {
      ...options.creationContent,
      ...additionalCreators(version, preset, invited, options.creationContent),
    })
    const { roomId } = await writer
      .create({ version, creator: who.userId, content, drafts, ...timestampOf(who) })
      .catch(asInvalidState)
    if (alias !== undefined) await directory.add(who, alias, roomId)
    if (visibility === 'public') await directory.publish(who, roomId)
    await this.#inviteElsewhere(who, roomId, elsewhere, options)
    return roomId
  }

  #checkElsewhere([first]: readonly UserId[], { creationContent }: RoomOptions): void {
    if (first === undefined) return
    if (this.#parts.roomHooks.remoteRooms.length === 0) {
      throw forbidden(`${first} is on another server, which this server does not talk to`)
    }
    if (creationContent?.['m.federate'] === false) {
      throw forbidden(`${first} is on another server, and the room is closed to other servers`)
    }
  }

  /** Their servers have to sign, so there has to be a room. It is no worse a room when one of them does not answer. */
  async #inviteElsewhere(
    who: Requester,
    roomId: RoomId,
    users: readonly UserId[],
    options: RoomOptions,
  ): Promise<void> {
    const more = options.isDirect === true ? { is_direct: true } : {}
    const left = users.values()
    const work = async (): Promise<void> => {
      for (const userId of left) {
        try {
          await this.#parts.memberships.invite(who, roomId, userId, more)
        } catch (error) {
          if (!(error instanceof MatrixError)) throw error
          log.info({ roomId, userId, reason: error.message }, 'user of another server was not invited to a new room')
        }
      }
    }
    await Promise.all(Array.from({ length: INVITES_AT_ONCE }, work))
  }

  #aliasOf(localpart: string): RoomAlias {
    const alias = `#${localpart}:${this.#parts.serverName}`
    if (localpart.includes(':') || /\s/.test(localpart) || !isRoomAlias(alias)) {
      throw invalidParam('room_alias_name cannot be the name of an alias')
    }
    return alias
  }
}

/** The rules of a room version. Throws `M_UNSUPPORTED_ROOM_VERSION`. */
export function versionOf(id: string): RoomVersion {
  const version = findRoomVersion(id)
  if (!version) throw refuse(400, 'M_UNSUPPORTED_ROOM_VERSION', 'This server does not know that room version')
  return version
}

/** The content of a create event: the server has the last word on some keys. */
export function createContent(creator: UserId, version: RoomVersion, given: JsonObject): JsonObject {
  const { creator: _creator, ...rest } = given
  return { ...rest, room_version: version.id, ...(version.creatorFromSender ? {} : { creator }) }
}

function timestampOf({ timestamp }: Requester): { readonly timestamp?: number } {
  return timestamp === undefined ? {} : { timestamp }
}

/** In a trusted chat everybody invited is a creator, where rooms can have several. */
function additionalCreators(
  version: RoomVersion,
  preset: Preset,
  invited: readonly UserId[],
  { additional_creators: given = [] }: JsonObject = {},
): JsonObject {
  if (!version.privilegedCreators || preset !== 'trusted_private_chat' || invited.length === 0) return {}
  if (!Array.isArray(given)) return { additional_creators: given } // for the authorisation rules to refuse
  return { additional_creators: [...new Set([...(given as readonly string[]), ...invited])] }
}

function checkInvited(invited: readonly UserId[]): void {
  if (invited.length > maxInitialInvites) throw tooLarge(`At most ${maxInitialInvites} users can be invited at once`)
  for (const userId of invited) {
    if (!isUserId(userId)) throw invalidParam('invite names something that is no user id')
  }
}

/** Refused here, where it can be said what is wrong: the creator would be without power to send what follows. */
function checkPowerLevels(override: JsonObject | undefined, version: RoomVersion, creator: UserId): void {
  const users = override?.['users']
  if (users === undefined) return
  if (!isJsonObject(users)) throw badJson("power_level_content_override: 'users' is not an object")
  if (version.privilegedCreators === Object.hasOwn(users, creator)) {
    throw badJson(
      version.privilegedCreators
        ? "power_level_content_override: 'users' names the creator, whose power needs no level"
        : "power_level_content_override: 'users' does not name the creator",
    )
  }
}

function asInvalidState(error: unknown): never {
  if (error instanceof MatrixError && error.errcode === 'M_FORBIDDEN') {
    throw refuse(400, 'M_INVALID_ROOM_STATE', `The room cannot begin like this: ${error.message}`)
  }
  throw error
}
