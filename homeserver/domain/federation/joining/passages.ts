/** Takes the events by which users of other servers come in, go, and knock, into rooms that this server is in. */
import { isJsonObject } from '../../../core/canonical-json.ts'
import { badJson, forbidden, invalidParam } from '../../../core/errors.ts'
import type { JsonObject } from '../../../core/event.ts'
import { type EventId, isUserId, type RoomId, serverNameOf, type ServerName } from '../../../core/ids.ts'
import { receiveEvent } from '../../../core/pdu.ts'
import type { RoomVersion } from '../../../core/room-version.ts'
import { type Signer, signEvent } from '../../../core/signing.ts'
import type { Database } from '../../../storage/database.ts'
import type { Members } from '../../rooms/members.ts'
import type { RemoteEvent, RemoteEventWriter } from '../../rooms/remote-event.ts'
import { findAuthoriser } from '../../rooms/restricted-join.ts'
import type { EventVerifier } from '../receive/verify-event.ts'
import type { ResidentRooms } from './resident-rooms.ts'
import { stateToTell } from './stripped-state.ts'
import type { Passage } from './templates.ts'

export interface SubmittedEvent {
  readonly origin: ServerName
  readonly roomId: RoomId
  readonly eventId: EventId
  readonly json: JsonObject
}

export interface PassagesParts {
  readonly database: Database
  readonly members: Members
  readonly signer: Signer
  readonly verifier: EventVerifier
  readonly writer: RemoteEventWriter
  readonly rooms: ResidentRooms
  readonly outbox: Forwarder
}

/** Whoever sends events on to the other servers of a room. */
interface Forwarder {
  /** Sends the event on that `work` takes into its room, to all but its origin. */
  forwarding<T>(eventId: EventId, origin: ServerName, work: () => Promise<T>): Promise<T>
}

export class Passages {
  readonly #parts: PassagesParts

  constructor(parts: PassagesParts) {
    this.#parts = parts
  }

  /**
   * The event as it is in the room. Throws `M_INVALID_PARAM` unless it is what it may be (T29), `M_FORBIDDEN` where the
   * room does not allow it. An event that was taken before is taken again.
   */
  async take(membership: Passage, { origin, roomId, eventId, json }: SubmittedEvent): Promise<RemoteEvent> {
    const { rooms, verifier, writer, outbox } = this.#parts
    const version = await rooms.open(origin, roomId)
    checkPassage(membership, origin, json)
    const event = await verifier.verify(version, roomId, await this.#authorised(version, roomId, json))
    if (event.eventId !== eventId) throw invalidParam('The event has another id than the path says')
    const receipt = await outbox.forwarding(eventId, origin, () => writer.receive(roomId, event))
    if (receipt.status === 'accepted') return event
    if (receipt.status === 'missing') throw invalidParam('The event follows events that are not known here')
    throw forbidden(receipt.reason ?? 'The room does not allow this')
  }

  /** What somebody is told of a room that he has knocked at. */
  async stateToTell(roomId: RoomId): Promise<JsonObject[]> {
    return await stateToTell(this.#parts.database, roomId)
  }

  /** With our signature, if it names one of our users as the one who lets the sender in and we would let him in. */
  async #authorised(version: RoomVersion, roomId: RoomId, json: JsonObject): Promise<JsonObject> {
    const { members, signer } = this.#parts
    const event = receiveEvent(json, version)
    if ('reason' in event) throw badJson(event.reason)
    const { content, sender } = event.pdu
    const authoriser = content['join_authorised_via_users_server']
    const isOurs = isUserId(authoriser) && members.isLocal(authoriser)
    if (!version.restricted || content['membership'] !== 'join' || !isOurs) return json
    const current = (await members.find(roomId, sender))?.membership
    if (current !== 'invite' && current !== 'join') await findAuthoriser(this.#parts, roomId, sender)
    return signEvent(event.pdu, version, signer)
  }
}

function checkPassage(membership: Passage, origin: ServerName, { type, sender, state_key, content }: JsonObject): void {
  if (type !== 'm.room.member') throw invalidParam('The event is no member event')
  if (!isJsonObject(content) || content['membership'] !== membership) {
    throw invalidParam(`The membership in the event is not '${membership}'`)
  }
  if (!isUserId(sender) || serverNameOf(sender) !== origin) throw invalidParam(`The sender is no user of ${origin}`)
  if (state_key !== sender) throw invalidParam('The state key is not the sender')
}
