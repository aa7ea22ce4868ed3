/** The rooms of a space, and of the spaces in it. https://spec.matrix.org/v1.19/client-server-api/#querying-spaces */
import { forbidden, invalidParam } from '../../core/errors.ts'
import { type RoomId, isRoomId, type UserId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { currentStateEvents, type RoomStats } from '../../storage/rooms.ts'

export interface HierarchyRequest {
  readonly suggestedOnly: boolean
  readonly limit: number
  readonly maxDepth: number
  /** `next_batch` of another answer to the same question. */
  readonly from?: string | undefined
}

/** Rooms looked at for one answer, in all; what is beyond them is left out. */
const MAX_ROOMS = 1_000

interface Preview {
  readonly stats: RoomStats
  readonly allowed: readonly RoomId[]
}

export interface HierarchyParts {
  readonly database: Database
  /** Who may know of which room, and what. */
  readonly previews: {
    find(userId: UserId, roomId: RoomId): Promise<Preview | undefined>
    describe(preview: Preview): Promise<Record<string, unknown>>
  }
}

interface Step {
  readonly roomId: RoomId
  readonly depth: number
}

interface Found {
  readonly preview: Preview
  readonly children: readonly StoredEvent[]
}

/**
 * Walks depth first, children in their order, and gives one page. A page's token is its place in the walk, which is
 * walked anew: what has changed in between shows as it is now. Throws `M_FORBIDDEN` if the user may not know of the root.
 */
export async function walkHierarchy(
  parts: HierarchyParts,
  userId: UserId,
  root: RoomId,
  { suggestedOnly, limit, maxDepth, from }: HierarchyRequest,
): Promise<object> {
  const skip = from === undefined ? 0 : parseToken(from)
  const stack: Step[] = [{ roomId: root, depth: 0 }]
  const seen = new Set<RoomId>([root])
  const rooms: Record<string, unknown>[] = []
  let place = 0
  for (let step = stack.pop(); step && place < MAX_ROOMS; step = stack.pop()) {
    const found = await look(parts, userId, step, suggestedOnly)
    if (!found) {
      if (step.roomId === root) throw forbidden('There is no such space, or you may not know of it')
      continue
    }
    if (rooms.length === limit) return { rooms, next_batch: `h${place}` }
    if (place++ >= skip) rooms.push(await entry(parts, found))
    if (step.depth >= maxDepth) continue
    for (const { row } of found.children.toReversed()) {
      const child = row.state_key
      if (!isRoomId(child) || seen.has(child)) continue
      seen.add(child)
      stack.push({ roomId: child, depth: step.depth + 1 })
    }
  }
  return { rooms }
}

async function look(
  parts: HierarchyParts,
  userId: UserId,
  { roomId }: Step,
  suggestedOnly: boolean,
): Promise<Found | undefined> {
  const preview = await parts.previews.find(userId, roomId)
  if (!preview) return undefined
  if (preview.stats.room_type !== 'm.space') return { preview, children: [] }
  const events = await currentStateEvents(parts.database, roomId, ['m.space.child'])
  const children = events.filter(({ pdu }) => isChild(pdu.content, suggestedOnly)).sort(byOrder)
  return { preview, children }
}

/** A child without servers to join through has been taken out. */
function isChild({ via, suggested }: StoredEvent['pdu']['content'], suggestedOnly: boolean): boolean {
  return Array.isArray(via) && via.length > 0 && (!suggestedOnly || suggested === true)
}

/** https://spec.matrix.org/v1.19/client-server-api/#ordering-of-children-within-a-space */
function byOrder(a: StoredEvent, b: StoredEvent): number {
  const [orderA, orderB] = [orderOf(a), orderOf(b)]
  if (orderA !== orderB) {
    if (orderA === undefined) return 1
    if (orderB === undefined) return -1
    return orderA < orderB ? -1 : 1
  }
  const byTime = a.row.origin_server_ts - b.row.origin_server_ts
  return byTime !== 0 ? byTime : (a.row.state_key ?? '') < (b.row.state_key ?? '') ? -1 : 1
}

function orderOf({ pdu }: StoredEvent): string | undefined {
  const { order } = pdu.content
  return typeof order === 'string' && /^[\x20-\x7e]{1,50}$/.test(order) ? order : undefined
}

async function entry(parts: HierarchyParts, { preview, children }: Found): Promise<Record<string, unknown>> {
  return {
    ...(await parts.previews.describe(preview)),
    children_state: children.map(({ row, pdu }) => ({
      type: row.type,
      state_key: row.state_key,
      content: pdu.content,
      sender: row.sender,
      origin_server_ts: row.origin_server_ts,
    })),
  }
}

function parseToken(text: string): number {
  const place = /^h(\d{1,6})$/.exec(text)?.[1]
  if (place === undefined) throw invalidParam('from is not a place in this space')
  return Number(place)
}
