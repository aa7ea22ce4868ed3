/**
 * Invitations of somebody known by an address, who has turned out to be a user.
 * https://spec.matrix.org/v1.19/server-server-api/#third-party-invites
 */
import { isJsonObject } from '../../../core/canonical-json.ts'
import { forbidden, invalidParam, MatrixError } from '../../../core/errors.ts'
import type { Json, JsonObject } from '../../../core/event.ts'
import { isRoomId, isUserId, type RoomId, serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import { logger } from '../../../platform/log.ts'
import type { EventDraft } from '../../rooms/build.ts'
import type { Members } from '../../rooms/members.ts'
import type { RoomWriter } from '../../rooms/writer.ts'
import { type FederationClient, federationPath } from '../client.ts'
import type { OutgoingInvites } from './outgoing-invites.ts'
import type { ResidentRooms } from './resident-rooms.ts'

export interface ThirdPartyInvitesParts {
  readonly client: FederationClient
  readonly members: Members
  readonly writer: RoomWriter
  readonly rooms: ResidentRooms
  readonly outgoing: OutgoingInvites
}

const log = logger('federation')

/** Invitations for one address. */
const MAX_BOUND = 20

type Invitation = EventDraft & { readonly stateKey: UserId }

export class ThirdPartyInvites {
  readonly #parts: ThirdPartyInvitesParts

  constructor(parts: ThirdPartyInvitesParts) {
    this.#parts = parts
  }

  /**
   * Turns an invitation that one of our users sent to an address into one of the user behind it, whose server asks. The
   * room decides whether the proof is good. Of the event only that is taken, so nothing else gets our signature (T29).
   */
  async exchange(origin: ServerName, roomId: RoomId, event: JsonObject): Promise<void> {
    await this.#parts.rooms.open(origin, roomId)
    const invitation = invitationIn(event)
    if (serverNameOf(invitation.stateKey) !== origin) throw forbidden('The invited user is of another server')
    if (!this.#parts.members.isLocal(invitation.sender)) throw forbidden('The one who invites is not a user of ours')
    await this.#parts.outgoing.send(roomId, invitation)
  }

  /** An identity server tells that an address is that of a user of ours. What goes wrong with one invitation is logged. */
  async bound(userId: string, invites: readonly Json[]): Promise<void> {
    if (!isUserId(userId) || !this.#parts.members.isLocal(userId)) throw invalidParam(`${userId} is no user of ours`)
    for (const invite of invites.slice(0, MAX_BOUND)) {
      try {
        await this.#accept(userId, invite)
      } catch (error) {
        if (!(error instanceof MatrixError)) throw error
        log.info({ userId, reason: error.message }, 'invitation to an address came to nothing')
      }
    }
  }

  async #accept(userId: UserId, invite: Json): Promise<void> {
    const { client, members, writer } = this.#parts
    if (!isJsonObject(invite)) throw invalidParam('An invitation is an object')
    const { room_id: roomId, sender, signed } = invite
    if (!isRoomId(roomId) || !isUserId(sender)) throw invalidParam('The invitation names no room or no sender')
    const content = { membership: 'invite', third_party_invite: { display_name: userId, signed } }
    const event = { type: 'm.room.member', room_id: roomId, sender, state_key: userId, content }
    const invitation = invitationIn(event)
    if (members.isLocal(sender)) await writer.send(roomId, [invitation])
    else {
      const path = federationPath`/v1/exchange_third_party_invite/${roomId}`
      await client.put(serverNameOf(sender), path, { body: event })
    }
  }
}

function invitationIn({ type, sender, state_key: target, content }: JsonObject): Invitation {
  const invite = isJsonObject(content) ? content['third_party_invite'] : undefined
  if (type !== 'm.room.member' || !isJsonObject(invite) || !isJsonObject(invite['signed'])) {
    throw invalidParam('The event is no invitation of somebody with an address')
  }
  const { signed, display_name: name } = invite
  if (!isUserId(sender) || !isUserId(target) || !isJsonObject(signed) || signed['mxid'] !== target) {
    throw invalidParam('The invitation is for another user than the identity server says')
  }
  const proof = { signed, ...(typeof name === 'string' ? { display_name: name } : {}) }
  return { type, sender, stateKey: target, content: { membership: 'invite', third_party_invite: proof } }
}
