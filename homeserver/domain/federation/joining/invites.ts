/**
 * Invitations of our users to rooms of other servers. Our signature says that the user was told, so nothing is signed
 * that is not just that (T29). https://spec.matrix.org/v1.19/server-server-api/#inviting-to-a-room
 */
import { encodeCanonical } from '../../../core/canonical-json.ts'
import { forbidden, invalidParam, notFound, refuse } from '../../../core/errors.ts'
import type { Json, JsonObject } from '../../../core/event.ts'
import { type EventId, isUserId, type RoomId, serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import { findRoomVersion, type RoomVersion } from '../../../core/room-version.ts'
import { type Signer, signEvent } from '../../../core/signing.ts'
import { findAccount } from '../../../storage/accounts.ts'
import type { Database } from '../../../storage/database.ts'
import type { Appservices } from '../../accounts/appservices.ts'
import { checkInvitePermission } from '../../rooms/invite-permission.ts'
import type { Members } from '../../rooms/members.ts'
import type { RemoteEvent, RemoteEventWriter } from '../../rooms/remote-event.ts'
import type { EventVerifier } from '../receive/verify-event.ts'
import type { ServerAcls } from '../server-acl.ts'
import { checkToldState } from './stripped-state.ts'

export interface IncomingInvite {
  readonly origin: ServerName
  readonly roomId: RoomId
  readonly eventId: EventId
  readonly roomVersion: string
  readonly json: JsonObject
  /** What the other server tells of the room. */
  readonly state: Json | undefined
}

export interface InvitesParts {
  readonly database: Database
  readonly members: Members
  readonly appservices: Appservices
  readonly signer: Signer
  readonly verifier: EventVerifier
  readonly serverAcls: ServerAcls
  readonly writer: RemoteEventWriter
}

export class Invites {
  readonly #parts: InvitesParts

  constructor(parts: InvitesParts) {
    this.#parts = parts
  }

  /**
   * The invitation as it came, with our signature added. Throws `M_INCOMPATIBLE_ROOM_VERSION`, `M_INVALID_PARAM` for
   * what is no invitation of a user of ours by one of theirs, `M_INVITE_BLOCKED` where the user takes none.
   */
  async take(invite: IncomingInvite): Promise<JsonObject> {
    const { database, members, signer, verifier, serverAcls, writer } = this.#parts
    const { origin, roomId, json } = invite
    const version = versionOf(invite.roomVersion)
    if (!(await serverAcls.mayTalk(roomId, origin))) throw forbidden('Your server is shut out of this room')
    const event = await verifier.verify(version, roomId, json)
    const target = invitedBy(origin, event)
    if (event.eventId !== invite.eventId) throw invalidParam('The event has another id than the path says')
    if (!members.isLocal(target) || !(await this.#isUser(target))) throw notFound(`There is no user ${target} here`)
    await checkInvitePermission(database, event.pdu.sender, [target])
    const strippedState = await checkToldState(verifier, version, roomId, invite.state)

    const signed = signedBy(signer, event, version)
    // Into a room that this server is in, the invitation comes like all other events.
    const isIn = await members.hasLocal(roomId)
    if (!isIn) await writer.setOutOfBand({ roomId, version, event: signed, strippedState })
    return { ...json, signatures: signed.pdu.signatures }
  }

  async #isUser(userId: UserId): Promise<boolean> {
    const { database, appservices } = this.#parts
    const account = await findAccount(database, userId)
    if (account) return !account.isDeactivated
    return appservices.all.some((service) => service.users.some((namespace) => namespace.matches(userId)))
  }
}

function versionOf(id: string): RoomVersion {
  const version = findRoomVersion(id)
  if (version) return version
  throw refuse(400, 'M_INCOMPATIBLE_ROOM_VERSION', `This server does not know room version ${id}`, { room_version: id })
}

function invitedBy(origin: ServerName, { pdu }: RemoteEvent): UserId {
  const { type, sender, state_key: target, content } = pdu
  if (type !== 'm.room.member' || content['membership'] !== 'invite') throw invalidParam('The event is no invitation')
  if (serverNameOf(sender) !== origin) throw invalidParam(`The sender is no user of ${origin}`)
  if (!isUserId(target)) throw invalidParam('The state key is no user id')
  return target
}

/** The event with our signature. */
function signedBy(signer: Signer, event: RemoteEvent, version: RoomVersion): RemoteEvent {
  const pdu = signEvent(event.pdu, version, signer)
  return { ...event, pdu, json: encodeCanonical(pdu, version) }
}
