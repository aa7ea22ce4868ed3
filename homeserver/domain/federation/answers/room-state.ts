/** The state of a room before an event. https://spec.matrix.org/v1.19/server-server-api/#retrieving-a-snapshot-of-room-state */
import { notFound } from '../../../core/errors.ts'
import { stateKeyOf } from '../../../core/event.ts'
import type { EventId, ServerName } from '../../../core/ids.ts'
import type { Database } from '../../../storage/database.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import { StateGroups } from '../../../storage/state-groups.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import { AuthChain, readEvents } from './auth-chain.ts'
import type { RoomAccess } from './room-access.ts'

export interface StateAnswersParts {
  readonly database: Database
  readonly events: EventCache
  readonly access: RoomAccess
}

/** A JSON text, piece by piece: the state of a large room need not be in memory at once. */
type JsonPieces = AsyncGenerator<string>

export class StateAnswers {
  readonly #parts: StateAnswersParts
  readonly #groups = new StateGroups()

  constructor(parts: StateAnswersParts) {
    this.#parts = parts
  }

  /** Throws as `RoomAccess` does, and `M_NOT_FOUND` where the state before the event is not known; so do the others. */
  async stateIds(
    origin: ServerName,
    roomId: string,
    eventId: string,
  ): Promise<{ pdu_ids: readonly EventId[]; auth_chain_ids: readonly EventId[] }> {
    const { database } = this.#parts
    const ids = await this.#stateBefore(origin, roomId, eventId)
    const chain = new AuthChain(database)
    for await (const events of readEvents(database, ids)) for (const event of events) chain.follow(event)
    const chainIds: EventId[] = []
    for await (const events of chain.walk()) for (const event of events) chainIds.push(event.eventId)
    return { pdu_ids: ids, auth_chain_ids: chainIds }
  }

  async state(origin: ServerName, roomId: string, eventId: string): Promise<JsonPieces> {
    return this.#stateText(await this.#stateBefore(origin, roomId, eventId))
  }

  /** The events that the event rests on. */
  async authChain(origin: ServerName, roomId: string, eventId: string): Promise<JsonPieces> {
    const { database, access } = this.#parts
    const event = await access.event(await access.enter(origin, roomId), eventId)
    const chain = new AuthChain(database)
    chain.follow(event)
    return object({ auth_chain: chain.walk() })
  }

  #stateText(ids: readonly EventId[]): JsonPieces {
    const { database } = this.#parts
    const chain = new AuthChain(database)
    async function* pdus(): AsyncGenerator<readonly StoredEvent[]> {
      for await (const events of readEvents(database, ids)) {
        for (const event of events) chain.follow(event)
        yield events
      }
    }
    return object({ pdus: pdus(), auth_chain: chain.walk() })
  }

  async #stateBefore(origin: ServerName, roomId: string, eventId: string): Promise<EventId[]> {
    const { database, events, access } = this.#parts
    const { row } = await access.event(await access.enterWhole(origin, roomId), eventId)
    if (row.state_group === null) throw notFound('The state at this event is not known here')
    const state = new Map(await this.#groups.load(database, row.state_group))
    if (row.state_key !== null) {
      const key = stateKeyOf(row.type, row.state_key)
      const nid = row.replaces_nid
      const replaced = nid === null ? undefined : (await events.listByNid([nid])).get(nid)
      if (replaced) state.set(key, { nid: replaced.row.nid, eventId: replaced.eventId })
      else state.delete(key)
    }
    return [...state.values()].map((entry) => entry.eventId)
  }
}

/** A JSON object of lists of events, in the order of its keys. */
async function* object(lists: Readonly<Record<string, AsyncIterable<readonly StoredEvent[]>>>): JsonPieces {
  let before = '{'
  for (const [key, batches] of Object.entries(lists)) {
    yield `${before}"${key}":[`
    let separator = ''
    for await (const events of batches) {
      if (events.length === 0) continue
      yield separator + events.map(({ row }) => row.json).join(',')
      separator = ','
    }
    before = '],'
  }
  yield ']}'
}
