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

export interface ReportRow {
  readonly id: number
  readonly received_ts: number
  readonly reporter: UserId
  readonly room_id: RoomId | null
  readonly event_id: EventId | null
  readonly user_id: UserId | null
  readonly reason: string | null
  readonly score: number | null
  /** Name and alias of the room, where there is one. */
  readonly name: string | null
  readonly canonical_alias: string | null
}

export interface ReportQuery {
  readonly subject: 'event' | 'user'
  readonly id?: number | undefined
  readonly roomId?: string | undefined
  /** Who reports. */
  readonly reporter?: string | undefined
  /** Whom it is about: the sender of the event, or the user. */
  readonly about?: string | undefined
  readonly descending: boolean
  readonly from: number
  readonly limit: number
}

export async function listReports(
  conn: Conn,
  query: ReportQuery,
): Promise<{ readonly reports: ReportRow[]; readonly total: number }> {
  const filters = {
    'r.id': query.id,
    'r.room_id': query.roomId,
    'r.reporter': query.reporter,
    'r.user_id': query.about,
  }
  const given = Object.entries(filters).filter(([, value]) => value !== undefined)
  const where = ['r.subject = ?', ...given.map(([column]) => `${column} = ?`)].join(' and ')
  const bindings = [query.subject, ...given.map(([, value]) => value ?? null)]
  const reports = await conn.rows<ReportRow>(
    `select r.id, r.received_ts, r.reporter, r.room_id, r.event_id, r.user_id, r.reason, r.score, s.name, s.canonical_alias
       from reports r left join room_stats s on s.room_id = r.room_id
      where ${where} order by r.id ${query.descending ? 'desc' : 'asc'} limit ? offset ?`,
    [...bindings, query.limit, query.from],
  )
  const count = await conn.row<{ total: number }>(`select count(*) as total from reports r where ${where}`, bindings)
  return { reports, total: count?.total ?? 0 }
}

/** False if there is no such report. */
export async function removeReport(tx: Tx, subject: 'event' | 'user', id: number): Promise<boolean> {
  return (await tx.run('delete from reports where subject = ? and id = ?', [subject, id])) === 1
}
