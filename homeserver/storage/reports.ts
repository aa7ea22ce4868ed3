/** What users report to those who run the server. */
import type { EventId, RoomId, UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

export type ReportSubject =
  | { readonly subject: 'event'; readonly roomId: RoomId; readonly eventId: EventId; readonly userId: UserId }
  | { readonly subject: 'room'; readonly roomId: RoomId }
  | { readonly subject: 'user'; readonly userId: UserId }

export type Report = ReportSubject & {
  readonly reporter: UserId
  /** Milliseconds since the epoch. */
  readonly receivedTs: number
  readonly reason: string | undefined
  readonly score?: number | undefined
}

export async function addReport(tx: Tx, report: Report): Promise<void> {
  await tx.run(
    `insert into reports (received_ts, reporter, subject, room_id, event_id, user_id, reason, score)
       values (?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      report.receivedTs,
      report.reporter,
      report.subject,
      'roomId' in report ? report.roomId : null,
      'eventId' in report ? report.eventId : null,
      'userId' in report ? report.userId : null,
      report.reason ?? null,
      report.score ?? null,
    ],
  )
}

/** How many reports of this user are kept. */
export async function countReportsBy(conn: Conn, reporter: UserId): Promise<number> {
  const row = await conn.row<{ count: number }>('select count(*) as count from reports where reporter = ?', [reporter])
  return row?.count ?? 0
}
