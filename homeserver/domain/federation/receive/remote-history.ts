/** What other servers tell of the past of rooms. Nothing that they say is used before it is verified (T31). */
import type { Json } from '../../../core/event.ts'
import { type EventId, isEventId, type RoomId, type ServerName } from '../../../core/ids.ts'
import type { RoomVersion } from '../../../core/room-version.ts'
import type { RemoteEvent } from '../../rooms/remote-event.ts'
import { type FederationClient, federationPath } from '../client.ts'
import { unusable } from '../federation-error.ts'
import { readMembers } from '../joining/json-members.ts'
import { ToldEvents } from './told-events.ts'
import type { EventVerifier } from './verify-event.ts'

/** Whom to ask about which room. */
export interface Source {
  readonly origin: ServerName
  readonly roomId: RoomId
  readonly version: RoomVersion
  readonly signal?: AbortSignal
}

/** Bytes of answers that tell of a whole state, and of those with lists of events. */
const MAX_STATE_BYTES = 100 * 1024 * 1024
const MAX_LIST_BYTES = 10 * 1024 * 1024
/** Ids in an answer of /state_ids. */
const MAX_IDS = 200_000

export class RemoteHistory {
  readonly #client: FederationClient
  readonly #verifier: EventVerifier

  constructor({ client, verifier }: { client: FederationClient; verifier: EventVerifier }) {
    this.#client = client
    this.#verifier = verifier
  }

  /** One event. Throws `MatrixError` if it cannot be had, or is not the one. */
  async event({ origin, roomId, version, ...call }: Source, eventId: EventId): Promise<RemoteEvent> {
    const { pdus } = await this.#client.get(origin, federationPath`/v1/event/${eventId}`, call)
    const [json] = listOf(pdus)
    const event = await this.#verifier.verify(version, roomId, json)
    if (event.eventId !== eventId) throw unusable(origin, 'gave another event than it was asked for')
    return event
  }

  /** Everything that an event rests on, as far as it is what it claims to be. */
  async authChain(source: Source, eventId: EventId): Promise<readonly RemoteEvent[]> {
    const path = federationPath`/v1/event_auth/${source.roomId}/${eventId}`
    const answer = await this.#client.get(source.origin, path, { ...limits(source), maxBytes: MAX_LIST_BYTES })
    return await this.#verified(source, answer['auth_chain'])
  }

  /** The events before `latest`, down to `earliest`. */
  async missingEvents(
    source: Source,
    range: { readonly latest: readonly EventId[]; readonly earliest: readonly EventId[]; readonly limit: number },
  ): Promise<readonly RemoteEvent[]> {
    const answer = await this.#client.post(source.origin, federationPath`/v1/get_missing_events/${source.roomId}`, {
      ...limits(source),
      maxBytes: MAX_LIST_BYTES,
      body: { latest_events: range.latest, earliest_events: range.earliest, limit: range.limit, min_depth: 0 },
    })
    return await this.#verified(source, listOf(answer['events']).slice(0, range.limit))
  }

  /** Up to `limit` events before and including these. */
  async backfill(source: Source, from: readonly EventId[], limit: number): Promise<readonly RemoteEvent[]> {
    const path = federationPath`/v1/backfill/${source.roomId}`
    const answer = await this.#client.get(source.origin, path, {
      ...limits(source),
      maxBytes: MAX_LIST_BYTES,
      query: { v: from, limit },
    })
    return await this.#verified(source, listOf(answer['pdus']).slice(0, limit))
  }

  /** The state before an event, and what it rests on. */
  async stateIds(
    source: Source,
    eventId: EventId,
  ): Promise<{ readonly stateIds: readonly EventId[]; readonly authIds: readonly EventId[] }> {
    const answer = await this.#client.get(source.origin, federationPath`/v1/state_ids/${source.roomId}`, {
      ...limits(source),
      maxBytes: MAX_LIST_BYTES,
      query: { event_id: eventId },
    })
    const [stateIds, authIds] = [idsIn(answer['pdu_ids']), idsIn(answer['auth_chain_ids'])]
    if (stateIds.length + authIds.length > MAX_IDS) throw unusable(source.origin, 'told of a state without end')
    return { stateIds, authIds }
  }

  /** The events of the state before an event and of what it rests on, which may be a large room. */
  async state(source: Source, eventId: EventId): Promise<ToldEvents> {
    const { origin, roomId, version } = source
    const { body } = await this.#client.open('GET', origin, federationPath`/v1/state/${roomId}`, {
      ...limits(source),
      maxBytes: MAX_STATE_BYTES,
      query: { event_id: eventId },
    })
    const told = new ToldEvents({ version, roomId }, this.#verifier)
    try {
      for await (const { key, text } of readMembers(body))
        if (key === 'pdus' || key === 'auth_chain') await told.add(text)
    } catch (cause) {
      told[Symbol.dispose]()
      throw unusable(origin, 'told of a state that cannot be read', cause)
    } finally {
      body.destroy()
    }
    return told
  }

  async #verified(
    { version, roomId, signal }: Source,
    list: Json | undefined | readonly Json[],
  ): Promise<readonly RemoteEvent[]> {
    return (await this.#verifier.verifyAll(version, roomId, listOf(list), signal)).events
  }
}

function limits({ signal }: Source): { readonly signal?: AbortSignal } {
  return signal ? { signal } : {}
}

function listOf(list: Json | undefined | readonly Json[]): readonly Json[] {
  return Array.isArray(list) ? (list as readonly Json[]) : []
}

function idsIn(list: Json | undefined): EventId[] {
  return listOf(list).filter(isEventId)
}
