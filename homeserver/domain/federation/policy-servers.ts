/** What the policy servers of rooms think of events. https://spec.matrix.org/v1.19/server-server-api/#policy-servers */
import type { KeyObject } from 'node:crypto'
import { encodeCanonical, isJsonObject } from '../../core/canonical-json.ts'
import { forbidden, MatrixError } from '../../core/errors.ts'
import type { JsonObject, Pdu } from '../../core/event.ts'
import { isServerName, serverNameOf, type ServerName } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import { addSignature, findSignature, publicKeyFrom, type Verifier, verifyEvent } from '../../core/signing.ts'
import { logger } from '../../platform/log.ts'
import { Lru } from '../../platform/lru.ts'
import { type PolicedEvent, type PolicyServers, policyTypes } from '../rooms/hooks.ts'
import type { FederationClient } from './client.ts'
import { FederationError } from './federation-error.ts'
import type { RoomServers } from './room-servers.ts'

export interface PolicyServerParts {
  readonly client: Pick<FederationClient, 'post'>
  readonly roomServers: Pick<RoomServers, 'isIn'>
  readonly serverName: ServerName
}

const log = logger('federation')

/** The same for all rooms. */
const keyId = 'ed25519:policy_server'
/** Whoever sends waits for it, and the room with him. */
const TIMEOUT_MS = 30_000
const MAX_KEYS = 1_000

export class FederatedPolicyServers implements PolicyServers {
  readonly #parts: PolicyServerParts
  readonly #keys = new Lru<string, KeyObject>(MAX_KEYS)

  constructor(parts: PolicyServerParts) {
    this.#parts = parts
  }

  async recommended<Event extends PolicedEvent>(event: Event, version: RoomVersion, policy: Pdu): Promise<Event> {
    const verifier = this.#verifierIn(policy)
    // A room can force nobody to be its policy server: one that does has a user there.
    if (!verifier || isPolicy(event) || !(await this.#parts.roomServers.isIn(event.roomId, verifier.serverName))) {
      return event
    }
    return verifyEvent(event.pdu, version, verifier) ? event : await this.#signed(event, version, verifier)
  }

  async #signed<Event extends PolicedEvent>(event: Event, version: RoomVersion, verifier: Verifier): Promise<Event> {
    const { serverName } = verifier
    try {
      const answer = await this.#ask(serverName, event)
      const signature = findSignature({ signatures: answer }, serverName, keyId)
      if (signature === undefined) throw forbidden(`The policy server ${serverName} has not signed the event`)
      const pdu = {
        ...event.pdu,
        signatures: addSignature(event.pdu.signatures, { serverName, key: { keyId } }, signature),
      }
      if (!verifyEvent(pdu, version, verifier)) throw forbidden(`${serverName} has not signed with the room's key`)
      return { ...event, pdu, json: encodeCanonical(pdu, version) }
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
      log.info({ roomId: event.roomId, server: serverName, reason: error.message }, 'event not recommended')
      throw error
    }
  }

  async #ask(server: ServerName, { pdu, json }: PolicedEvent): Promise<JsonObject> {
    const { client, serverName } = this.#parts
    // Our users wait for each try; what others have sent does not wait for a server that is known to be down.
    const evenIfDown = serverNameOf(pdu.sender) === serverName
    const call = { bodyText: json, timeoutMs: TIMEOUT_MS, evenIfDown }
    try {
      return await client.post(server, '/_matrix/policy/v1/sign', call)
    } catch (error) {
      if (!(error instanceof FederationError) || error.remote?.errcode !== 'M_UNRECOGNIZED') throw error
      return await client.post(server, '/_matrix/policy/unstable/org.matrix.msc4284/sign', call)
    }
  }

  /** Undefined where the room has no policy server, or names what is none. */
  #verifierIn({ type, content: { via, public_keys: keys, public_key: unstable } }: Pdu): Verifier | undefined {
    const stable = isJsonObject(keys) ? keys['ed25519'] : undefined
    const text = type === 'm.room.policy' ? stable : (unstable ?? stable)
    if (typeof text !== 'string' || typeof via !== 'string' || !isServerName(via)) return undefined
    if (via === this.#parts.serverName) return undefined // we are none
    const publicKey = this.#keys.get(text) ?? publicKeyFrom(text)
    if (!publicKey) return undefined
    this.#keys.set(text, publicKey)
    return { serverName: via, keyId, publicKey }
  }
}

/** The event that names the policy server has to pass without it. */
function isPolicy({ pdu }: PolicedEvent): boolean {
  return policyTypes.some((type) => type === pdu.type) && pdu.state_key === ''
}
