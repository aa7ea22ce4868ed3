/** The rooms that a space names. https://spec.matrix.org/v1.19/client-server-api/#mspacechild */
import type { JsonObject } from '../../core/event.ts'
import { isRoomId, isServerName, type RoomId, type ServerName, type UserId } from '../../core/ids.ts'
import type { Conn } from '../../storage/database.ts'
import { currentStateEvents } from '../../storage/rooms.ts'

/** An event of type `m.space.child`, as answers show it. */
export interface ChildEvent {
  readonly type: 'm.space.child'
  readonly state_key: RoomId
  readonly content: JsonObject
  readonly sender: UserId
  readonly origin_server_ts: number
}

/** Of a room that this server is in, in their order. */
export async function listChildren(conn: Conn, roomId: RoomId, suggestedOnly: boolean): Promise<ChildEvent[]> {
  const events = await currentStateEvents(conn, roomId, ['m.space.child'])
  const children = events.flatMap(({ row, pdu: { content } }): ChildEvent[] => {
    const { state_key: child, sender, origin_server_ts: ts } = row
    return isRoomId(child) ? [{ type: 'm.space.child', state_key: child, content, sender, origin_server_ts: ts }] : []
  })
  return inOrder(children, suggestedOnly)
}

/** Without those that have been taken out. https://spec.matrix.org/v1.19/client-server-api/#ordering-of-children-within-a-space */
export function inOrder(children: readonly ChildEvent[], suggestedOnly: boolean): ChildEvent[] {
  return children.filter(({ content }) => isChild(content, suggestedOnly)).sort(byOrder)
}

/** The servers that the child can be reached through. */
export function serversOf({ content: { via } }: ChildEvent): ServerName[] {
  return Array.isArray(via)
    ? via.filter((server): server is ServerName => typeof server === 'string' && isServerName(server))
    : []
}

/** A child without servers to join through has been taken out. */
function isChild({ via, suggested }: JsonObject, suggestedOnly: boolean): boolean {
  return Array.isArray(via) && via.length > 0 && (!suggestedOnly || suggested === true)
}

function byOrder(a: ChildEvent, b: ChildEvent): number {
  const [orderA, orderB] = [orderOf(a), orderOf(b)]
  if (orderA !== orderB) {
    if (orderA === undefined) return 1
    if (orderB === undefined) return -1
    return orderA < orderB ? -1 : 1
  }
  const byTime = a.origin_server_ts - b.origin_server_ts
  return byTime !== 0 ? byTime : a.state_key < b.state_key ? -1 : 1
}

function orderOf({ content: { order } }: ChildEvent): string | undefined {
  return typeof order === 'string' && /^[\x20-\x7e]{1,50}$/.test(order) ? order : undefined
}
