/**
 * Whether an event of another server is allowed where it stands: by the events it cites, and by the state before it.
 * https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
 */
import { authStateKeys } from '../../core/auth/auth-events.ts'
import type { Verdict } from '../../core/auth/verdict.ts'
import { type Pdu, type StateKey, stateKeyOf } from '../../core/event.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import type { StateGroup, StateGroups } from '../../storage/state-groups.ts'
import { type Assumptions, assumptionsIn, checkAssuming, doubtfulKick, nothingAssumed } from './assumed.ts'
import type { RoomHead } from './head.ts'
import { authIds, checkCited, type KnownEvent } from './known-events.ts'
import type { RemoteEvent } from './remote-event.ts'
import type { StateReader } from './state-reader.ts'

export interface Judgement {
  readonly verdict: Verdict
  /** The keys of the state that decide about the event. */
  readonly keys: readonly StateKey[]
  /** The state before the event, as far as it decides. */
  readonly before: ReadonlyMap<StateKey, KnownEvent>
  readonly assumed: Assumptions
  readonly groupBefore: number | undefined
  readonly nid: number
  readonly isStored: boolean
  readonly replacesNid: number | undefined
  /** The group of the state after the event. */
  readonly stateGroup: number | undefined
  /** That group, if the event has made it. */
  readonly newGroup: StateGroup | undefined
}

export interface JudgeParts {
  readonly reader: StateReader
  readonly groups: StateGroups
  readonly nextNid: () => number
}

/** The keys of the state that decide about an event, its own among them. */
function decidingKeys(pdu: Pdu, version: RoomVersion): StateKey[] {
  const keys = new Set([stateKeyOf('m.room.create', ''), ...authStateKeys(pdu, version)])
  if (pdu.state_key !== undefined) keys.add(stateKeyOf(pdu.type, pdu.state_key))
  return [...keys]
}

export interface JudgedRoom {
  readonly head: RoomHead | undefined
  readonly version: RoomVersion
  /** The event as it is here, if it is: an outlier, or judged before. */
  readonly own: KnownEvent | undefined
  /** Only a part of the room's state is here. */
  readonly isPartial?: boolean
}

/** All events that it cites have to be here. */
export async function judge(
  { reader, groups, nextNid }: JudgeParts,
  { head, version, own, isPartial = false }: JudgedRoom,
  event: RemoteEvent,
  groupBefore: number | undefined,
): Promise<Judgement> {
  const { pdu, roomId, eventId } = event
  const keys = decidingKeys(pdu, version)
  const [cited, before] = await Promise.all([
    reader.list(head, authIds(event, version)),
    reader.at(head, groupBefore, keys),
  ])
  const byCited = checkCited(event, version, (id) => cited.get(id))
  const isKnown = async (key: StateKey): Promise<boolean> => (await reader.at(head, groupBefore, [key])).size > 0
  const assumed = isPartial
    ? { ...assumptionsIn(cited.values()), doubted: await doubtfulKick(event, before, isKnown) }
    : nothingAssumed
  const verdict = byCited.allowed ? checkAssuming(event, before, assumed, version) : byCited
  const nid = own?.nid ?? nextNid()
  const base = { verdict, keys, before, assumed, groupBefore, nid, isStored: own !== undefined }
  if (!verdict.allowed || pdu.state_key === undefined) {
    return { ...base, stateGroup: groupBefore, newGroup: undefined, replacesNid: undefined }
  }
  const key = stateKeyOf(pdu.type, pdu.state_key)
  const changes = new Map([[key, { nid, eventId }]])
  const id = own?.stateGroup === undefined ? nid : nextNid() // groups never change, and may have others on them
  const newGroup = await groups.derive(reader.database, { id, roomId, prevId: groupBefore, changes })
  return { ...base, stateGroup: id, newGroup, replacesNid: before.get(key)?.nid }
}
