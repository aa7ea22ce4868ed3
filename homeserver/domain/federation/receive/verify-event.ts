/**
 * The only way from bytes of another server to an event that may be stored (T31): format, signatures, content hash.
 * https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
 */
import { setImmediate } from 'node:timers/promises'
import { encodeCanonical, isJsonObject, parseJson } from '../../../core/canonical-json.ts'
import { badJson, forbidden, MatrixError } from '../../../core/errors.ts'
import { type Pdu, referenceIds } from '../../../core/event.ts'
import { type EventId, isUserId, type RoomId, serverNameOf, type ServerName } from '../../../core/ids.ts'
import { type ReceivedEvent, receiveEvent } from '../../../core/pdu.ts'
import { redact } from '../../../core/redact.ts'
import type { RoomVersion } from '../../../core/room-version.ts'
import { findSignature, type Verifier, verifyText } from '../../../core/signing.ts'
import type { RemoteEvent } from '../../rooms/remote-event.ts'
import type { WantedKeys } from './wanted-keys.ts'
import { PackedEvent } from './packed-event.ts'

/** Gives the key that a server signed with at a time. `KeyRing` is one. */
export interface Keys {
  verifierFor(server: ServerName, keyId: string, at: number | undefined): Promise<Verifier | undefined>
  /** Reads at once what is stored about many servers. */
  warm(servers: Iterable<ServerName>): Promise<void>
}

/** Signatures of one server that are tried. */
const MAX_SIGNATURES = 5
/** Events after which others get their turn. */
const BATCH = 50

export class EventVerifier {
  readonly #keys: Keys

  constructor({ keys }: { keys: Keys }) {
    this.#keys = keys
  }

  /**
   * The event of this room in what another server sent. Throws `M_BAD_JSON` for what is none, `M_FORBIDDEN` where a
   * signature is missing. An event whose content was tampered with is redacted (T16).
   */
  async verify(version: RoomVersion, roomId: RoomId, json: unknown): Promise<RemoteEvent> {
    return await this.#vouchedFor(parse(version, roomId, json), version)
  }

  /** Those of the events that are some, without repetition, and why the others are none. */
  async verifyAll(
    version: RoomVersion,
    roomId: RoomId,
    list: readonly unknown[],
  ): Promise<{ readonly events: readonly RemoteEvent[]; readonly refusals: readonly MatrixError[] }> {
    const senders = list.flatMap((json) => (isJsonObject(json) && isUserId(json['sender']) ? [json['sender']] : []))
    await this.#keys.warm(senders.map((sender) => serverNameOf(sender)))
    const events = new Map<EventId, RemoteEvent>()
    const refusals: MatrixError[] = []
    for (const [index, json] of list.entries()) {
      if (index % BATCH === BATCH - 1) await setImmediate()
      try {
        const event = await this.verify(version, roomId, json)
        events.set(event.eventId, event)
      } catch (error) {
        if (!(error instanceof MatrixError)) throw error
        refusals.push(error)
      }
    }
    return { events: [...events.values()], refusals }
  }

  /**
   * As `verifyAll`, of the texts of a large room, whose keys are warm. The list is used up, so that a text may go when its
   * event has come; events that are `known` are left out.
   */
  async verifyTexts(
    version: RoomVersion,
    roomId: RoomId,
    texts: string[],
    known: ReadonlySet<EventId>,
  ): Promise<PackedEvent[]> {
    const events = new Map<EventId, PackedEvent>()
    for (const [index, text] of texts.entries()) {
      texts[index] = ''
      if (index % BATCH === BATCH - 1) await setImmediate()
      try {
        const event = parse(version, roomId, parseJson(text))
        if (known.has(event.eventId) || events.has(event.eventId)) continue
        events.set(event.eventId, new PackedEvent(await this.#vouchedFor(event, version)))
      } catch (error) {
        if (!(error instanceof MatrixError)) throw error
      }
    }
    return [...events.values()]
  }

  /** Gets keys before many events are verified with them. */
  async fetchKeys(wanted: WantedKeys): Promise<void> {
    await wanted.fetch(this.#keys)
  }

  async #vouchedFor(event: ReceivedEvent, version: RoomVersion): Promise<RemoteEvent> {
    const { eventId, roomId } = event
    for (const server of signersOf(event.pdu, version)) {
      if (!(await this.#isSignedBy(event, server, version))) throw forbidden(`${server} has not signed the event`)
    }
    if (event.hashMatches) return { eventId, roomId, pdu: event.pdu, json: event.json }
    const pdu = redact(event.pdu, version)
    return { eventId, roomId, pdu, json: encodeCanonical(pdu, version) }
  }

  async #isSignedBy({ pdu, signed }: ReceivedEvent, server: ServerName, version: RoomVersion): Promise<boolean> {
    const ofServer = pdu.signatures && Object.hasOwn(pdu.signatures, server) ? pdu.signatures[server] : undefined
    const at = version.enforceKeyValidity ? pdu.origin_server_ts : undefined
    for (const keyId of Object.keys(ofServer ?? {}).slice(0, MAX_SIGNATURES)) {
      const signature = findSignature(pdu, server, keyId)
      const verifier = signature === undefined ? undefined : await this.#keys.verifierFor(server, keyId, at)
      if (signature !== undefined && verifier && verifyText(signed, signature, verifier.publicKey)) return true
    }
    return false
  }
}

function parse(version: RoomVersion, roomId: RoomId, json: unknown): ReceivedEvent {
  if (!isJsonObject(json)) throw badJson('An event is a JSON object')
  const { unsigned: _unsigned, ...covered } = json // nobody vouches for what stands there (T15)
  const event = receiveEvent(covered, version)
  if ('reason' in event) throw badJson(event.reason)
  if (event.roomId !== roomId) throw badJson('The event is of another room')
  if (version.roomIdIsCreateHash && referenceIds(event.pdu.auth_events).includes(`$${roomId.slice(1)}`)) {
    throw badJson('The create event is among the auth events') // T14
  }
  return event
}

/** Whose signatures an event needs. https://spec.matrix.org/v1.19/server-server-api/#validating-hashes-and-signatures-on-received-events */
function signersOf(pdu: Pdu, version: RoomVersion): ReadonlySet<ServerName> {
  const signers = new Set<ServerName>()
  const { membership, third_party_invite: invite, join_authorised_via_users_server: authoriser } = pdu.content
  const isMember = pdu.type === 'm.room.member'
  // The server of the invited user makes such an invite, and the sender's server may never have seen it.
  if (!(isMember && membership === 'invite' && invite !== undefined)) signers.add(serverNameOf(pdu.sender))
  if (version.eventIds === 'server' && pdu.event_id !== undefined) signers.add(serverNameOf(pdu.event_id) ?? '')
  if (isMember && version.restricted && membership === 'join' && authoriser !== undefined) {
    if (!isUserId(authoriser)) throw badJson('join_authorised_via_users_server is not a user id')
    signers.add(serverNameOf(authoriser))
  }
  return signers
}
