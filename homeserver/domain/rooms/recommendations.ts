/** Rooms in which a policy server has its say about each event. https://spec.matrix.org/v1.19/server-server-api/#policy-servers */
import { stateKeyOf } from '../../core/event.ts'
import type { EventCache } from './event-cache.ts'
import type { RoomHead } from './head.ts'
import { type PolicedEvent, type PolicyServers, policyTypes } from './hooks.ts'

const policyKeys = policyTypes.map((type) => stateKeyOf(type, ''))

export class Recommendations {
  readonly #events: EventCache
  readonly #policyServers: readonly PolicyServers[]

  /** With no `policyServers` no room has one. */
  constructor({ events, policyServers }: { events: EventCache; policyServers: readonly PolicyServers[] }) {
    this.#events = events
    this.#policyServers = policyServers
  }

  /** Whether events of the room may need one. */
  mayConcern({ state }: RoomHead): boolean {
    return this.#policyServers.length > 0 && policyKeys.some((key) => state.has(key))
  }

  /** The event with the signature that it needs, if any. Throws a `MatrixError` where the policy server gives none. */
  async of<Event extends PolicedEvent>(head: RoomHead, event: Event): Promise<Event> {
    const [policyServers] = this.#policyServers
    const [entry] = policyKeys.flatMap((key) => head.state.get(key) ?? [])
    if (!entry || !policyServers) return event
    const policy = head.uncommitted.get(entry.eventId) ?? (await this.#events.find(entry.eventId))
    return policy ? await policyServers.recommended(event, head.version, policy.pdu) : event
  }
}
