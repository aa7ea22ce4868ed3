/** What users have reported, for those who run the server. */
import { notFound } from '../../core/errors.ts'
import type { Database } from '../../storage/database.ts'
import { listReports, removeReport, type ReportQuery, type ReportRow } from '../../storage/reports.ts'

export type { ReportQuery, ReportRow }
type Subject = ReportQuery['subject']

export class ReportAdmin {
  readonly #database: Database

  constructor({ database }: { database: Database }) {
    this.#database = database
  }

  async list(query: ReportQuery): Promise<{ readonly reports: ReportRow[]; readonly total: number }> {
    return await listReports(this.#database, query)
  }

  /** Throws `M_NOT_FOUND`. */
  async get(subject: Subject, id: number): Promise<ReportRow> {
    const { reports } = await this.list({ subject, id, descending: false, from: 0, limit: 1 })
    if (!reports[0]) throw unknownReport()
    return reports[0]
  }

  /** Throws `M_NOT_FOUND`. */
  async remove(subject: Subject, id: number): Promise<void> {
    const removed = await this.#database.transaction('remove a report', (tx) => removeReport(tx, subject, id))
    if (!removed) throw unknownReport()
  }
}

const unknownReport = () => notFound('There is no such report')
