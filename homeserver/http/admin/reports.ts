/** Reports. https://element-hq.github.io/synapse/latest/admin_api/event_reports.html */
import { z } from 'zod'
import { notFound } from '../../core/errors.ts'
import { isEventId } from '../../core/ids.ts'
import type { ReportRow } from '../../domain/admin/report-admin.ts'
import { clientEventText } from '../../domain/rooms/client-event.ts'
import { endpoint } from '../endpoint.ts'
import { from, limit } from './queries.ts'

const common = { auth: 'admin', limit: 'admin' } as const
const events = '/_synapse/admin/v1/event_reports'
const users = '/_synapse/admin/v1/user_reports'
const page = { from, limit, dir: z.enum(['f', 'b']).default('b') }

const listEventReports = endpoint({
  ...common,
  method: 'GET',
  path: events,
  query: z.object({
    ...page,
    user_id: z.string().optional(),
    room_id: z.string().optional(),
    event_sender_user_id: z.string().optional(),
  }),
  handle: async ({ query }, { reportAdmin }) => {
    const { reports, total } = await reportAdmin.list({
      subject: 'event',
      reporter: query.user_id,
      roomId: query.room_id,
      about: query.event_sender_user_id,
      descending: query.dir === 'b',
      from: query.from,
      limit: query.limit,
    })
    return { event_reports: reports.map(shownEventReport), total, ...next(query, reports.length, total) }
  },
})

/** With the event. */
const getEventReport = endpoint({
  ...common,
  method: 'GET',
  path: `${events}/:reportId`,
  handle: async ({ params }, { reportAdmin, events: known, clock }) => {
    const report = await reportAdmin.get('event', numberOf(params))
    const event = isEventId(report.event_id) ? await known.find(report.event_id) : undefined
    const text = event && clientEventText(event, { now: clock.now() })
    return { ...shownEventReport(report), event_json: text === undefined ? null : (JSON.parse(text) as object) }
  },
})

const removeEventReport = endpoint({
  ...common,
  method: 'DELETE',
  path: `${events}/:reportId`,
  handle: async ({ params }, { reportAdmin }) => {
    await reportAdmin.remove('event', numberOf(params))
    return {}
  },
})

const listUserReports = endpoint({
  ...common,
  method: 'GET',
  path: users,
  query: z.object({ ...page, user_id: z.string().optional(), target_user_id: z.string().optional() }),
  handle: async ({ query }, { reportAdmin }) => {
    const { reports, total } = await reportAdmin.list({
      subject: 'user',
      reporter: query.user_id,
      about: query.target_user_id,
      descending: query.dir === 'b',
      from: query.from,
      limit: query.limit,
    })
    return { user_reports: reports.map(shownUserReport), total, ...next(query, reports.length, total) }
  },
})

const getUserReport = endpoint({
  ...common,
  method: 'GET',
  path: `${users}/:reportId`,
  handle: async ({ params }, { reportAdmin }) => shownUserReport(await reportAdmin.get('user', numberOf(params))),
})

const removeUserReport = endpoint({
  ...common,
  method: 'DELETE',
  path: `${users}/:reportId`,
  handle: async ({ params }, { reportAdmin }) => {
    await reportAdmin.remove('user', numberOf(params))
    return {}
  },
})

function numberOf({ reportId }: { readonly reportId: string }): number {
  if (!/^\d{1,15}$/.test(reportId)) throw notFound('There is no such report')
  return Number(reportId)
}

/** Here the next place is a number, elsewhere a text. */
function next(query: { from: number }, found: number, total: number): { next_token?: number } {
  return found > 0 && query.from + found < total ? { next_token: query.from + found } : {}
}

const shownEventReport = (report: ReportRow) => ({
  id: report.id,
  received_ts: report.received_ts,
  room_id: report.room_id,
  name: report.name,
  canonical_alias: report.canonical_alias,
  event_id: report.event_id,
  sender: report.user_id,
  user_id: report.reporter,
  reason: report.reason,
  score: report.score,
})

const shownUserReport = (report: ReportRow) => ({
  id: report.id,
  received_ts: report.received_ts,
  target_user_id: report.user_id,
  user_id: report.reporter,
  reason: report.reason,
})

export const adminReportsEndpoints = [
  listEventReports,
  getEventReport,
  removeEventReport,
  listUserReports,
  getUserReport,
  removeUserReport,
]
