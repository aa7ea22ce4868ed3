/** What a server is told of a room that it has joined. https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2send_joinroomideventid */
import { encodeCanonical } from '../../../core/canonical-json.ts'
import { type StateKey, stateKeyOf } from '../../../core/event.ts'
import { type EventId, serverNameOf, type ServerName } from '../../../core/ids.ts'
import type { Database } from '../../../storage/database.ts'
import { type StoredEvent } from '../../../storage/events.ts'
import { StateGroups } from '../../../storage/state-groups.ts'
import { listHeroes } from '../../../storage/sync.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { Members } from '../../rooms/members.ts'
import { AuthChain, readEvents } from '../answers/auth-chain.ts'

export interface JoinAnswersParts {
  readonly database: Database
  readonly serverName: ServerName
  readonly events: EventCache
  readonly members: Members
}

const memberPrefix = stateKeyOf('m.room.member', '')
/** As in the summary of a room. */
const HEROES = 5

export class JoinAnswers {
  readonly #parts: JoinAnswersParts
  readonly #groups = new StateGroups()

  constructor(parts: JoinAnswersParts) {
    this.#parts = parts
  }

  /** The state before the join and all that it rests on, piece by piece: large rooms are never in memory at once. */
  async *pieces(joinId: EventId, { omitMembers }: { readonly omitMembers: boolean }): AsyncGenerator<string> {
    const { database, serverName, events } = this.#parts
    const join = await events.find(joinId)
    if (!join) throw new Error('a join that was taken is not stored')
    const all = await this.#stateBefore(join)
    const ids = omitMembers ? await this.#withoutMembers(join, all) : [...all.values()]
    const chain = new AuthChain(database, omitMembers ? ids : [])
    chain.follow(join)
    yield `{"event":${join.row.json},"members_omitted":${omitMembers},"origin":${encodeCanonical(serverName)}`
    if (omitMembers) {
      yield `,"servers_in_room":${encodeCanonical(await this.#serversBefore(join))}`
    }
    yield ',"state":['
    yield* elements(readEvents(database, ids), (event) => chain.follow(event))
    yield '],"auth_chain":['
    yield* elements(chain.walk())
    yield ']}'
  }

  async #serversBefore({ roomId, row }: StoredEvent): Promise<ServerName[]> {
    const joined = await this.#parts.members.joined(roomId)
    const others = joined.keys().filter((userId) => userId !== row.sender)
    return [...new Set(others.map((userId) => serverNameOf(userId)))]
  }

  async #stateBefore({ row }: StoredEvent): Promise<Map<StateKey, EventId>> {
    const { database, events } = this.#parts
    if (row.state_group === null || row.state_key === null) throw new Error('a join that was taken has no state')
    const state = new Map<StateKey, EventId>()
    for (const [key, { eventId }] of await this.#groups.load(database, row.state_group)) state.set(key, eventId)
    const key = stateKeyOf(row.type, row.state_key)
    const nid = row.replaces_nid
    const replaced = nid === null ? undefined : (await events.listByNid([nid])).get(nid)
    if (replaced) state.set(key, replaced.eventId)
    else state.delete(key)
    return state
  }

  /** Of a room without a name, those who name it stay. */
  async #withoutMembers({ roomId }: StoredEvent, state: ReadonlyMap<StateKey, EventId>): Promise<EventId[]> {
    const isNamed = state.has(stateKeyOf('m.room.name', '')) || state.has(stateKeyOf('m.room.canonical_alias', ''))
    const heroes = isNamed ? [] : await listHeroes(this.#parts.database, [roomId], HEROES + 1)
    const kept = new Set<StateKey>(heroes.map((hero) => stateKeyOf('m.room.member', hero.user_id)))
    return [...state].flatMap(([key, id]) => (key.startsWith(memberPrefix) && !kept.has(key) ? [] : [id]))
  }
}

/** The elements of a JSON list. */
async function* elements(
  batches: AsyncIterable<readonly StoredEvent[]>,
  each: (event: StoredEvent) => void = () => undefined,
): AsyncGenerator<string> {
  let separator = ''
  for await (const events of batches) {
    if (events.length === 0) continue
    events.forEach(each)
    yield separator + events.map(({ row }) => row.json).join(',')
    separator = ','
  }
}
