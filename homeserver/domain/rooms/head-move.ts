/** What an accepted event makes of the head of its room, when history may have forked. */
import type { Verdict } from '../../core/auth/verdict.ts'
import { type IdentifiedPdu, referenceIds, type StateKey, stateKeyOf } from '../../core/event.ts'
import type { EventId } from '../../core/ids.ts'
import { eventStatus, listStateRows } from '../../storage/events.ts'
import { listMissingParents } from '../../storage/gaps.ts'
import type { Extremity, RoomStats } from '../../storage/rooms.ts'
import type { StateEntry } from '../../storage/state-groups.ts'
import { type HeadChange, type StateEvent, stateEventOf, stateEventOfRow } from './arrival.ts'
import { checkAssuming } from './assumed.ts'
import { extremityOf } from './build.ts'
import type { RoomHead } from './head.ts'
import type { Judgement } from './judge.ts'
import type { KnownEvent } from './known-events.ts'
import type { RemoteEvent } from './remote-event.ts'
import { changesBetween, type StateForks } from './state-forks.ts'
import type { StateReader } from './state-reader.ts'
import { statsAfter } from './stats.ts'

export interface HeadMove {
  readonly extremities: readonly Extremity[]
  readonly stateGroup: number | undefined
  readonly changes: readonly HeadChange[]
}

/** An event of ours cites all of them, and no event cites more. */
const MAX_EXTREMITIES = 20
/** Events that were refused are passed through to those before them, but not without end. */
const MAX_CONSUMED = 200
/** Of the events of a large state that are looked at, at once. */
const BATCH = 500

/** What the current state says about an event that the state before it allows. https://spec.matrix.org/v1.19/server-server-api/#soft-failure */
export async function checkSoftly(
  reader: StateReader,
  head: RoomHead,
  event: RemoteEvent,
  { verdict, keys, groupBefore, assumed }: Judgement,
  stateGroup = head.stateGroup,
): Promise<Verdict> {
  if (groupBefore === stateGroup) return verdict
  const current = await reader.at(head, stateGroup, keys)
  return checkAssuming(event, current, { members: assumed.members }, head.version)
}

/** The head with an accepted event on it. */
export async function moveHead(
  { reader, forks }: { reader: StateReader; forks: StateForks },
  head: RoomHead,
  event: RemoteEvent,
  judged: Judgement,
): Promise<HeadMove> {
  const { roomId, eventId } = event
  const stays = { extremities: head.extremities, stateGroup: head.stateGroup, changes: [] }
  // Somebody has built on it already: it came late, through a gap.
  if ((await listMissingParents(reader.database, roomId, [eventId])).size > 0) return stays
  const consumed = await consumedBy(reader, head, event)
  const others = head.extremities.filter((extremity) => !consumed.has(extremity.eventId))
  const isLinear = others.length === 0 && judged.groupBefore === head.stateGroup
  const extremities = [...pruned(others), extremityOf(event, head.version)]
  if (isLinear) return { extremities, stateGroup: judged.stateGroup, changes: ownChange(event, judged) }
  const groups = await groupsOf(reader, head, extremities, { eventId, stateGroup: judged.stateGroup })
  const own = { ...event, nid: judged.nid, isRejected: false }
  const stateGroup = await forks.merge({ roomId, version: head.version, head }, groups, own)
  if (stateGroup === head.stateGroup) return { extremities, stateGroup, changes: [] }
  return { extremities, stateGroup, changes: await headChanges(reader, head, await reader.whole(stateGroup), own) }
}

/** What a state makes of the current one. `own` is an event that is not stored yet, if there is one. */
export async function headChanges(
  reader: StateReader,
  head: RoomHead,
  state: ReadonlyMap<StateKey, StateEntry>,
  own?: RemoteEvent & { readonly nid: number },
): Promise<HeadChange[]> {
  const changes: HeadChange[] = []
  const moves = [...changesBetween(head.state, state)]
  for (let from = 0; from < moves.length; from += BATCH) {
    const some = moves.slice(from, from + BATCH).map(([key, now]) => ({ key, now, before: head.state.get(key) }))
    const ids = some.flatMap(({ now, before }) => [now?.eventId ?? [], before?.eventId ?? []].flat())
    const known = await stateEvents(reader, head, ids)
    if (own) known.set(own.eventId, stateEventOf(own.nid, own))
    const eventOf = (entry: StateEntry | undefined): StateEvent | undefined => entry && known.get(entry.eventId)
    for (const { key, now, before } of some) changes.push({ key, now: eventOf(now), before: eventOf(before) })
  }
  return changes
}

/** What is not in memory is read and parsed no further than a state needs it: there may be tens of thousands. */
async function stateEvents(
  reader: StateReader,
  head: RoomHead,
  ids: readonly EventId[],
): Promise<Map<EventId, StateEvent | undefined>> {
  const events = new Map<EventId, StateEvent | undefined>()
  const others: EventId[] = []
  for (const id of ids) {
    const built = head.uncommitted.get(id)
    const row = built ? undefined : reader.peek(id)?.row
    if (built) events.set(id, stateEventOf(built.nid, built))
    else if (row) events.set(id, stateEventOfRow(row))
    else others.push(id)
  }
  for (const row of await listStateRows(reader.database, others)) events.set(row.event_id, stateEventOfRow(row))
  return events
}

function ownChange(event: RemoteEvent, { before, nid }: Judgement): HeadChange[] {
  const { type, state_key: stateKey } = event.pdu
  if (stateKey === undefined) return []
  const key = stateKeyOf(type, stateKey)
  const replaced = before.get(key)
  return [{ key, now: stateEventOf(nid, event), before: replaced && stateEventOf(replaced.nid, replaced) }]
}

/** What is behind an event: its parents, and where those were refused, what is before them (T38). */
export async function consumedBy(
  reader: StateReader,
  head: RoomHead,
  event: IdentifiedPdu,
): Promise<ReadonlySet<EventId>> {
  const consumed = new Set<EventId>()
  let open = referenceIds(event.pdu.prev_events)
  while (open.length > 0 && consumed.size < MAX_CONSUMED) {
    for (const id of open) consumed.add(id)
    const refused = [...(await reader.list(head, open)).values()].filter(
      ({ status }) => status !== eventStatus.accepted,
    )
    open = refused.flatMap(({ pdu }) => referenceIds(pdu.prev_events)).filter((id) => !consumed.has(id))
  }
  return consumed
}

/** The deepest ones, with room for one more. */
export function pruned(extremities: readonly Extremity[]): readonly Extremity[] {
  if (extremities.length < MAX_EXTREMITIES) return extremities
  return extremities.toSorted((a, b) => b.depth - a.depth).slice(0, MAX_EXTREMITIES - 1)
}

export async function groupsOf(
  reader: StateReader,
  head: RoomHead,
  extremities: readonly Extremity[],
  own?: Pick<KnownEvent, 'eventId' | 'stateGroup'>,
): Promise<number[]> {
  const known = await reader.list(
    head,
    extremities.map(({ eventId }) => eventId),
  )
  return extremities.flatMap(({ eventId }) => {
    const { stateGroup } = eventId === own?.eventId ? own : (known.get(eventId) ?? {})
    return stateGroup ?? []
  })
}

/** What strangers may ask about the room, after these changes. */
export function statsAfterChanges(stats: RoomStats, changes: readonly HeadChange[]): RoomStats {
  return changes.reduce((after, { key, now, before }) => {
    const [type = '', stateKey = ''] = key.split('\0')
    return statsAfter(after, { type, stateKey, content: now?.content ?? {}, before: before?.content })
  }, stats)
}
