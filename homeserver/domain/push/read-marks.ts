/** Up to where a user has read a room. https://spec.matrix.org/v1.19/client-server-api/#receiving-notifications */
import { parseJson } from '../../core/canonical-json.ts'
import type { Pdu } from '../../core/event.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Conn } from '../../storage/database.ts'
import { listReceiptsOf, type ReceiptRow } from '../../storage/receipts.ts'
import { listMemberChanges } from '../../storage/unread.ts'

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

export async function readMarks(conn: Conn, userId: UserId, roomId: RoomId): Promise<ReadMarks> {
  const [receipts, changes] = await Promise.all([
    listReceiptsOf(conn, roomId, [userId]),
    listMemberChanges(conn, roomId, userId, MAX_MEMBER_CHANGES),
  ])
  const threads = new Map<string, number>()
  for (const { thread_id: thread, event_stream: position } of receipts) {
    threads.set(thread, Math.max(threads.get(thread) ?? 0, position))
  }
  const joined = joinedAt(changes)
  return {
    joined,
    all: Math.max(joined, unthreaded(receipts)),
    main: threads.get('main') ?? 0,
    threads,
  }
}

export function isRead(
  { all, main, threads }: ReadMarks,
  { thread, streamId }: { readonly thread: string | undefined; readonly streamId: number },
): boolean {
  return streamId <= all || streamId <= (thread === undefined ? main : (threads.get(thread) ?? 0))
}

function unthreaded(receipts: readonly ReceiptRow[]): number {
  return receipts.reduce((at, row) => (row.thread_id === '' ? Math.max(at, row.event_stream) : at), 0)
}

/** The place at which the user last came into the room. */
function joinedAt(changes: readonly { stream_id: number; json: string }[]): number {
  let at = 0
  for (const { stream_id: position, json } of changes) {
    // What is stored was a PDU when it was checked.
    if ((parseJson(json) as Pdu).content['membership'] !== 'join') break
    at = position
  }
  return at
}
