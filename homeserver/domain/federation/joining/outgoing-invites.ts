/** Invites users of other servers into rooms that this server is in: their server signs, too, before the room sees it. */
import { forbidden } from '../../../core/errors.ts'
import type { Json, JsonObject } from '../../../core/event.ts'
import { isJsonObject, parseJson } from '../../../core/canonical-json.ts'
import { type EventId, type RoomId, serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import { finishEvent } from '../../../core/pdu.ts'
import { findRoomVersion, type RoomVersion } from '../../../core/room-version.ts'
import type { Signer } from '../../../core/signing.ts'
import type { Database } from '../../../storage/database.ts'
import { findRoom } from '../../../storage/rooms.ts'
import { text } from 'node:stream/consumers'
import type { EventDraft } from '../../rooms/build.ts'
import type { RemoteEvent, RemoteEventWriter } from '../../rooms/remote-event.ts'
import { type FederationClient, federationPath } from '../client.ts'
import { FederationError, unusable } from '../federation-error.ts'
import type { EventVerifier } from '../receive/verify-event.ts'
import { stateToTell } from './stripped-state.ts'

export interface OutgoingInvitesParts {
  readonly database: Database
  readonly signer: Signer
  readonly client: FederationClient
  readonly verifier: EventVerifier
  readonly writer: RemoteEventWriter
}

export class OutgoingInvites {
  readonly #parts: OutgoingInvitesParts

  constructor(parts: OutgoingInvitesParts) {
    this.#parts = parts
  }

  /** Throws what the other server answers; then nobody has been invited. */
  async send(roomId: RoomId, draft: EventDraft & { readonly stateKey: UserId }): Promise<EventId> {
    const { database, signer, writer } = this.#parts
    const [pdu, room, state] = await Promise.all([
      writer.prepare(roomId, draft),
      findRoom(database, roomId),
      stateToTell(database, roomId, draft.sender),
    ])
    const version = room && findRoomVersion(room.version)
    if (!version) throw new Error('an invitation was prepared in a room of no version')
    const ours = finishEvent(pdu, version, signer)
    const signed = await this.#signedBy(serverNameOf(draft.stateKey), version, ours, state)
    const receipt = await writer.receive(roomId, signed)
    if (receipt.status === 'accepted') return signed.eventId
    throw forbidden(('reason' in receipt && receipt.reason) || 'The room does not allow this any more')
  }

  /** Of what comes back only the signature is used, and only if it is one. */
  async #signedBy(
    server: ServerName,
    version: RoomVersion,
    ours: RemoteEvent,
    state: readonly JsonObject[],
  ): Promise<RemoteEvent> {
    const answered = await this.#ask(server, version, ours, state)
    const signatures = isJsonObject(answered) ? answered['signatures'] : undefined
    const theirs = isJsonObject(signatures) && Object.hasOwn(signatures, server) ? signatures[server] : undefined
    if (!isJsonObject(theirs)) throw unusable(server, 'did not sign the invitation')
    const both = { ...ours.pdu, signatures: { ...ours.pdu.signatures, [server]: theirs } }
    return await this.#parts.verifier.verify(version, ours.roomId, both)
  }

  async #ask(
    server: ServerName,
    version: RoomVersion,
    { roomId, eventId, pdu }: RemoteEvent,
    state: readonly JsonObject[],
  ): Promise<Json | undefined> {
    const { client } = this.#parts
    try {
      const body = { room_version: version.id, event: pdu, invite_room_state: state }
      return (await client.put(server, federationPath`/v2/invite/${roomId}/${eventId}`, { body }))['event']
    } catch (error) {
      if (version.eventIds !== 'server' || !isOldServer(error)) throw error
    }
    // Before version 2 of this endpoint, a pair of a status and the answer came back.
    const body = { ...pdu, unsigned: { invite_room_state: state } }
    const answer = await client.open('PUT', server, federationPath`/v1/invite/${roomId}/${eventId}`, { body })
    const pair = parseJson(await text(answer.body))
    const answered = Array.isArray(pair) ? (pair as readonly Json[])[1] : undefined
    return isJsonObject(answered) ? answered['event'] : undefined
  }
}

function isOldServer(error: unknown): boolean {
  return error instanceof FederationError && (error.remote?.status === 400 || error.remote?.status === 404)
}
