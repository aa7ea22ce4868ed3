/** Up to where a user has read a room. https://spec.matrix.org/v1.19/client-server-api/#receiving-notifications */
import { parseJson } from '../../core/canonical-json.ts'
import type { Pdu } from '../../core/event.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Conn } from '../../storage/database.ts'
import { listOwnReceipts, type ReceiptRow } from '../../storage/receipts.ts'
import { listMemberChanges, type MemberChangeRow } from '../../storage/unread.ts'

/** Places in the events stream. */
export interface ReadMarks {
  /** Where the user last came into the room; 0 if he is not in it. */
  readonly joined: number
  /** Everything, in threads too: the unthreaded receipt, or where the user came in. */
  readonly all: number
  readonly main: number
  readonly threads: ReadonlyMap<string, number>
}

/** A user's changes of name in a room that are looked through for his join. */
const MAX_MEMBER_CHANGES = 100

/** Those of a user in each of the rooms. */
export async function readMarks(
  conn: Conn,
  userId: UserId,
  roomIds: readonly RoomId[],
): Promise<ReadonlyMap<RoomId, ReadMarks>> {
  const [receipts, changes] = await Promise.all([
    listOwnReceipts(conn, userId, roomIds),
    listMemberChanges(conn, userId, roomIds, MAX_MEMBER_CHANGES),
  ])
  const receiptsOf = Map.groupBy(receipts, ({ room_id }) => room_id)
  const changesOf = Map.groupBy(changes, ({ room_id }) => room_id)
  const marks = (roomId: RoomId) => marksOf(receiptsOf.get(roomId) ?? [], joinedAt(changesOf.get(roomId) ?? []))
  return new Map(roomIds.map((roomId) => [roomId, marks(roomId)]))
}

function marksOf(receipts: readonly ReceiptRow[], joined: number): ReadMarks {
  const threads = new Map<string, number>()
  for (const { thread_id: thread, event_stream: position } of receipts) {
    threads.set(thread, Math.max(threads.get(thread) ?? 0, position))
  }
  return { joined, all: Math.max(joined, threads.get('') ?? 0), main: threads.get('main') ?? 0, threads }
}

export function isRead(
  { all, main, threads }: ReadMarks,
  { thread, streamId }: { readonly thread: string | undefined; readonly streamId: number },
): boolean {
  return streamId <= all || streamId <= (thread === undefined ? main : (threads.get(thread) ?? 0))
}

/** The place at which the user last came into the room; the latest change comes first. */
function joinedAt(changes: readonly MemberChangeRow[]): number {
  let at = 0
  for (const { stream_id: position, json } of changes) {
    // What is stored was a PDU when it was checked.
    if ((parseJson(json) as Pdu).content['membership'] !== 'join') break
    at = position
  }
  return at
}
