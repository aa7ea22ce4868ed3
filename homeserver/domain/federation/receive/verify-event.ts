/**
 * The only way from bytes of another server to an event that may be stored (T31): format, signatures, content hash.
 * https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
 */
import { setImmediate } from 'node:timers/promises'
import { isJsonObject } from '../../../core/canonical-json.ts'
import { forbidden, MatrixError } from '../../../core/errors.ts'
import { type EventId, isUserId, type RoomId, serverNameOf, type ServerName } from '../../../core/ids.ts'
import type { RoomVersion } from '../../../core/room-version.ts'
import { type Verifier, verifyTextAside } from '../../../core/signing.ts'
import type { RemoteEvent } from '../../rooms/remote-event.ts'
import { type Claim, claimOf, signaturesBy } from './claim.ts'

/** Gives the key that a server signed with at a time. `KeyRing` is one. */
export interface Keys {
  verifierFor(server: ServerName, keyId: string, at: number | undefined): Promise<Verifier | undefined>
  /** Whether it is in memory. */
  has(server: ServerName, keyId: string, at: number | undefined): boolean
  /** Reads at once what is stored about many servers. */
  warm(servers: Iterable<ServerName>): Promise<void>
}

/** Events after which others get their turn. */
const BATCH = 50
/** Claims of one list that are checked side by side: enough for all threads, and few others wait behind them. */
const AT_ONCE = 64

export interface Verified {
  readonly events: readonly RemoteEvent[]
  /** Why the others are none. */
  readonly refusals: readonly MatrixError[]
}

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
    const claim = claimOf(version, roomId, json)
    const objection = await this.#objectionTo(claim)
    if (objection) throw objection
    return claim.event
  }

  /** Those of the events that are some, without repetition. Nobody is asked for keys any more when `signal` aborts (T50). */
  async verifyAll(
    version: RoomVersion,
    roomId: RoomId,
    list: readonly unknown[],
    signal?: AbortSignal,
  ): Promise<Verified> {
    const senders = list.flatMap((json) => (isJsonObject(json) && isUserId(json['sender']) ? [json['sender']] : []))
    await this.#keys.warm(senders.map((sender) => serverNameOf(sender)))
    const claims = new Map<EventId, Claim>()
    const refusals: MatrixError[] = []
    for (const [index, json] of list.entries()) {
      if (index % BATCH === BATCH - 1) await setImmediate()
      try {
        const claim = claimOf(version, roomId, json)
        if (!claims.has(claim.event.eventId)) claims.set(claim.event.eventId, claim)
      } catch (error) {
        if (!(error instanceof MatrixError)) throw error
        refusals.push(error)
      }
    }
    const { events, refusals: objections } = await this.check([...claims.values()], signal)
    return { events, refusals: [...refusals, ...objections] }
  }

  /** The events of the claims that are true, in their order. `signal` as for `verifyAll`. */
  async check(claims: readonly Claim[], signal?: AbortSignal): Promise<Verified> {
    const objections: (MatrixError | undefined)[] = []
    const left = claims.entries()
    const work = async (): Promise<void> => {
      for (const [index, claim] of left) objections[index] = await this.#objectionTo(claim, signal)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    return {
      events: claims.filter((_, index) => !objections[index]).map(({ event }) => event),
      refusals: objections.filter((objection) => objection !== undefined),
    }
  }

  /** Those of the claims that can be checked without asking anybody for a key. */
  async decidable(claims: readonly Claim[]): Promise<readonly Claim[]> {
    await this.#keys.warm(claims.flatMap(({ signers }) => signers))
    return claims.filter((claim) =>
      claim.signers.every((server) =>
        signaturesBy(claim, server).every(([keyId]) => this.#keys.has(server, keyId, claim.at)),
      ),
    )
  }

  /** Asks for a key before it is needed. What is not found is missed later. */
  async seekKey(server: ServerName, keyId: string): Promise<void> {
    await this.#keys.verifierFor(server, keyId, undefined)
  }

  async #objectionTo(claim: Claim, signal?: AbortSignal): Promise<MatrixError | undefined> {
    for (const server of claim.signers) {
      if (!(await this.#isSignedBy(claim, server, signal))) return forbidden(`${server} has not signed the event`)
    }
    return undefined
  }

  async #isSignedBy(claim: Claim, server: ServerName, signal: AbortSignal | undefined): Promise<boolean> {
    for (const [keyId, signature] of signaturesBy(claim, server)) {
      if (signal?.aborted === true && !this.#keys.has(server, keyId, claim.at)) continue
      const verifier = await this.#keys.verifierFor(server, keyId, claim.at)
      if (verifier && (await verifyTextAside(claim.signed, signature, verifier.publicKey))) return true
    }
    return false
  }
}
