/**
 * Events that a server in the room has to take. It tells where in the room's history they belong; everything else is
 * ours, whatever its template says, so that nobody gets our signature for anything else (T29).
 */
import { randomBytes } from 'node:crypto'
import { isJsonObject } from '../../../core/canonical-json.ts'
import { MatrixError } from '../../../core/errors.ts'
import { checkPduFormat, type Json, type JsonObject, type Pdu } from '../../../core/event.ts'
import { isUserId, serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import { type FinishedEvent, finishEvent } from '../../../core/pdu.ts'
import { findRoomVersion, type RoomVersion, roomVersions } from '../../../core/room-version.ts'
import type { Signer } from '../../../core/signing.ts'
import type { RemoteChange } from '../../rooms/hooks.ts'
import { type FederationClient, federationPath } from '../client.ts'
import { unusable } from '../federation-error.ts'
import type { Passage } from './templates.ts'

export interface SignedPassage {
  readonly version: RoomVersion
  readonly event: FinishedEvent
}

export interface TemplateParts {
  readonly client: FederationClient
  readonly signer: Signer
  readonly now: () => number
}

/** A server that thinks long about a template does not know the room well. */
const TIMEOUT_MS = 20_000

/** The event that brings the change about, by the template of a server. Throws what the server answers. */
export async function signPassage(
  { client, signer, now }: TemplateParts,
  server: ServerName,
  membership: Passage,
  change: RemoteChange,
): Promise<SignedPassage> {
  const { roomId, userId } = change
  const path = federationPath`/v1/${`make_${membership}`}/${roomId}/${userId}`
  const query = membership === 'leave' ? {} : { ver: Object.keys(roomVersions) }
  const answer = await client.get(server, path, { query, timeoutMs: TIMEOUT_MS })
  const { version, pdu } = readTemplate(answer, server, membership, change)
  const id =
    version.eventIds === 'server' ? { event_id: `$${randomBytes(18).toString('base64url')}:${signer.serverName}` } : {}
  // Made of fields that were just looked at.
  const draft = { ...pdu, ...id, origin_server_ts: now() } as Pdu
  return { version, event: finishEvent(draft, version, signer) }
}

/** What we sign of a template, but for its time and id. Throws if the template is for anything else than the change. */
function readTemplate(
  { room_version: versionId = '1', event: template }: JsonObject,
  server: ServerName,
  membership: Passage,
  change: RemoteChange,
): { readonly version: RoomVersion; readonly pdu: JsonObject } {
  const { roomId, userId, content } = change
  const version = typeof versionId === 'string' ? findRoomVersion(versionId) : undefined
  if (!version) {
    throw new MatrixError(400, 'M_UNSUPPORTED_ROOM_VERSION', 'The room is of a version that this server does not know')
  }
  if (!isJsonObject(template) || !isFor(template, membership, change)) {
    throw unusable(server, `answered with a template for something else than to ${membership}`)
  }
  const { depth, prev_events, auth_events } = template
  const pdu: JsonObject = {
    type: 'm.room.member',
    room_id: roomId,
    sender: userId,
    state_key: userId,
    content: { ...content, ...authoriserIn(template, server, membership, version), membership },
    depth,
    prev_events,
    auth_events,
  }
  const whole = { ...pdu, event_id: '$id:server', origin_server_ts: 0, hashes: { sha256: '' }, signatures: {} }
  const reason = checkPduFormat(whole, version)
  if (reason !== undefined) throw unusable(server, `answered with a template that cannot be used: ${reason}`)
  return { version, pdu }
}

function isFor(template: JsonObject, membership: Passage, { roomId, userId }: RemoteChange): boolean {
  const { type, room_id, sender, state_key, content } = template
  return (
    type === 'm.room.member' &&
    room_id === roomId &&
    sender === userId &&
    state_key === userId &&
    isJsonObject(content) &&
    content['membership'] === membership
  )
}

/** A server may let somebody in by the power of its own users only. */
function authoriserIn(
  { content }: JsonObject,
  server: ServerName,
  membership: Passage,
  version: RoomVersion,
): { readonly join_authorised_via_users_server?: UserId } {
  const authoriser: Json | undefined = isJsonObject(content) ? content['join_authorised_via_users_server'] : undefined
  if (membership !== 'join' || !version.restricted || authoriser === undefined) return {}
  if (!isUserId(authoriser) || serverNameOf(authoriser) !== server) {
    throw unusable(server, 'answered with a template that names a user of another server as the one who lets in')
  }
  return { join_authorised_via_users_server: authoriser }
}
