/** Reports to those who run the server. https://spec.matrix.org/v1.19/client-server-api/#reporting-content */
import { limitExceeded, notFound } from '../../core/errors.ts'
import { isUserId, type RoomId, serverNameOf, type ServerName, type UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { findAccount } from '../../storage/accounts.ts'
import type { Database } from '../../storage/database.ts'
import { addReport, countReportsBy, type ReportSubject } from '../../storage/reports.ts'
import { findRoom } from '../../storage/rooms.ts'
import { maxReports } from '../limits.ts'
import type { EventCache } from './event-cache.ts'
import type { Visibility } from './visibility.ts'
import { findVisible } from './visible-event.ts'

export interface Complaint {
  readonly reason: string | undefined
  readonly score?: number | undefined
}

export interface ReportsParts {
  readonly database: Database
  readonly clock: Clock
  readonly events: EventCache
  readonly visibility: Visibility
  readonly serverName: ServerName
}

/** When somebody who has reported too much may try again: an administrator has to look at the reports first. */
const RETRY_MS = 24 * 60 * 60 * 1000

export class Reports {
  readonly #parts: ReportsParts

  constructor(parts: ReportsParts) {
    this.#parts = parts
  }

  /** Throws `M_NOT_FOUND` for an event that the user cannot see in a room he is in. */
  async event(reporter: UserId, roomId: RoomId, eventId: string, complaint: Complaint): Promise<void> {
    const { event, reader } = await findVisible(this.#parts, reporter, roomId, eventId)
    if (reader.kind !== 'member') throw notFound('There is no such event in a room you are in')
    await this.#add(reporter, { subject: 'event', roomId, eventId: event.eventId, userId: event.row.sender }, complaint)
  }

  /** Nobody is told whether there is such a room (T75). */
  async room(reporter: UserId, roomId: RoomId, complaint: Complaint): Promise<void> {
    if (!(await findRoom(this.#parts.database, roomId))) return
    await this.#add(reporter, { subject: 'room', roomId }, complaint)
  }

  /** Nobody is told whether there is such a user (T75). */
  async user(reporter: UserId, userId: string, complaint: Complaint): Promise<void> {
    const { database, serverName } = this.#parts
    if (!isUserId(userId)) return
    if (serverNameOf(userId) === serverName && !(await findAccount(database, userId))) return
    await this.#add(reporter, { subject: 'user', userId }, complaint)
  }

  async #add(reporter: UserId, subject: ReportSubject, { reason, score }: Complaint): Promise<void> {
    const { database, clock } = this.#parts
    await database.transaction('add a report', async (tx) => {
      if ((await countReportsBy(tx, reporter)) >= maxReports) throw limitExceeded(RETRY_MS)
      const text = reason?.replaceAll('\0', '') // T08
      await addReport(tx, { ...subject, reporter, receivedTs: clock.now(), reason: text, score })
    })
  }
}
