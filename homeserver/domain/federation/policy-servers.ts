/** What the policy servers of rooms think of events. https://spec.matrix.org/v1.19/server-server-api/#policy-servers */
import type { KeyObject } from 'node:crypto'
import { encodeCanonical, isJsonObject } from '../../core/canonical-json.ts'
import { forbidden, MatrixError } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import { isServerName, type ServerName } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import { addSignature, findSignature, publicKeyFrom, type Verifier, verifyEvent } from '../../core/signing.ts'
import { logger } from '../../platform/log.ts'
import { Lru } from '../../platform/lru.ts'
import type { PolicedEvent, PolicyServers } from '../rooms/hooks.ts'
import type { FederationClient } from './client.ts'
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
const TIMEOUT_MS = 10_000
const MAX_KEYS = 1_000

export class FederatedPolicyServers implements PolicyServers {
  readonly #parts: PolicyServerParts
  readonly #keys = new Lru<string, KeyObject>(MAX_KEYS)

  constructor(parts: PolicyServerParts) {
    this.#parts = parts
  }

  async recommended<Event extends PolicedEvent>(
    event: Event,
    version: RoomVersion,
    policy: JsonObject,
  ): Promise<Event> {
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
      const call = { bodyText: event.json, timeoutMs: TIMEOUT_MS }
      const answer = await this.#parts.client.post(serverName, '/_matrix/policy/v1/sign', call)
      const signature = findSignature({ signatures: answer }, serverName, keyId)
      if (signature === undefined) throw forbidden(`The policy server ${serverName} has not signed the event`)
      const pdu = {
        ...event.pdu,
        signatures: addSignature(event.pdu.signatures, { serverName, key: { keyId } }, signature),
      }
      if (!verifyEvent(pdu, version, verifier))
        throw forbidden(`${serverName} signed with a key that is not the room's`)
      return { ...event, pdu, json: encodeCanonical(pdu, version) }
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
      log.info({ roomId: event.roomId, server: serverName, reason: error.message }, 'event not recommended')
      throw error
    }
  }

  /** Undefined where the room has no policy server, or names what is none. */
  #verifierIn({ via, public_keys: keys }: JsonObject): Verifier | undefined {
    const text = isJsonObject(keys) ? keys['ed25519'] : undefined
    // Of ourselves, who are none, nothing is asked.
    if (typeof text !== 'string' || typeof via !== 'string' || !isServerName(via) || via === this.#parts.serverName)
      return undefined
    const publicKey = this.#keys.get(text) ?? publicKeyFrom(text)
    if (!publicKey) return undefined
    this.#keys.set(text, publicKey)
    return { serverName: via, keyId, publicKey }
  }
}

/** The event that names the policy server has to pass without it. */
function isPolicy({ pdu }: PolicedEvent): boolean {
  return pdu.type === 'm.room.policy' && pdu.state_key === ''
}
