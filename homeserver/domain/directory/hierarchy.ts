/** The rooms of a space, and of the spaces in it. https://spec.matrix.org/v1.19/client-server-api/#querying-spaces */
import { forbidden, invalidParam } from '../../core/errors.ts'
import type { RoomId, ServerName } from '../../core/ids.ts'
import type { RemoteSummary } from './hooks.ts'
import { type ChildEvent, serversOf } from './space-children.ts'

export interface HierarchyRequest {
  readonly suggestedOnly: boolean
  readonly limit: number
  readonly maxDepth: number
  /** `next_batch` of another answer to the same question. */
  readonly from?: string | undefined
}

/** A room on the way through a space. */
export interface Step {
  readonly roomId: RoomId
  readonly depth: number
  /** Servers that may know the room, if this one does not. */
  readonly via: readonly ServerName[]
  /** What the server of the space above said about it. */
  readonly told?: RemoteSummary | undefined
}

/** A room that the user may know of. */
export interface Found {
  readonly summary: Readonly<Record<string, unknown>>
  /** None for what is no space. */
  readonly children: readonly ChildEvent[]
  /** What was said about them by the way. */
  readonly childRooms?: ReadonlyMap<RoomId, RemoteSummary>
  readonly inaccessible?: ReadonlySet<string>
}

/** Finds a room for a user. `withChildren` says whether the walk goes on below it. */
export type Look = (step: Step, options: { readonly withChildren: boolean }) => Promise<Found | undefined>

/** Rooms looked at for one answer, in all; what is beyond them is left out. */
const MAX_ROOMS = 1_000

/**
 * Walks depth first, children in their order, and gives one page. A page's token is its place in the walk, which is
 * walked anew: what has changed in between shows as it is now. Throws `M_FORBIDDEN` if the user may not know of the root.
 */
export async function walkHierarchy(
  look: Look,
  root: Pick<Step, 'roomId' | 'via'>,
  { limit, maxDepth, from }: HierarchyRequest,
): Promise<object> {
  const skip = from === undefined ? 0 : parseToken(from)
  const stack: Step[] = [{ ...root, depth: 0 }]
  const seen = new Set<RoomId>([root.roomId])
  const rooms: Record<string, unknown>[] = []
  let [place, looks] = [0, 0]
  for (let step = stack.pop(); step && looks < MAX_ROOMS; step = stack.pop()) {
    looks++
    const found = await look(step, { withChildren: step.depth < maxDepth })
    if (!found) {
      if (step.depth === 0) throw forbidden('There is no such space, or you may not know of it')
      continue
    }
    if (rooms.length === limit) return { rooms, next_batch: `h${place}` }
    if (place++ >= skip) rooms.push({ ...found.summary, children_state: found.children })
    if (step.depth >= maxDepth) continue
    for (const child of found.children.toReversed()) {
      const roomId = child.state_key
      if (seen.has(roomId) || found.inaccessible?.has(roomId)) continue
      seen.add(roomId)
      stack.push({ roomId, depth: step.depth + 1, via: serversOf(child), told: found.childRooms?.get(roomId) })
    }
  }
  return { rooms }
}

function parseToken(text: string): number {
  const place = /^h(\d{1,6})$/.exec(text)?.[1]
  if (place === undefined) throw invalidParam('from is not a place in this space')
  return Number(place)
}
