/**
 * State resolution: one room state out of several. https://spec.matrix.org/v1.19/rooms/v12/#state-resolution
 */
import type { IdentifiedPdu, StateKey } from '../event.ts'
import type { EventId } from '../ids.ts'
import type { RoomVersion } from '../room-version.ts'
import type { StateMap } from './auth-chain.ts'
import { resolveV1 } from './resolve-v1.ts'
import { resolveV2 } from './resolve-v2.ts'

/**
 * The state of a room after the tips of a fork, given the states after each tip; their order does not matter.
 *
 * `fetch` has to know the conflicted events and their auth chains, in version 12 the create event too, and, if the
 * chains of the conflicted events differ, those of all other state. What it does not know is taken as not existing,
 * so that the outcome may differ from that of other servers.
 */
export function resolveState(
  version: RoomVersion,
  stateSets: readonly StateMap[],
  fetch: (id: EventId) => IdentifiedPdu | undefined,
  { isRejected = () => false }: { isRejected?: (id: EventId) => boolean } = {},
): Map<StateKey, EventId> {
  const source = { version, fetch, isRejected }
  return version.stateResolution === 'v1' ? resolveV1(stateSets, source) : resolveV2(stateSets, source)
}
