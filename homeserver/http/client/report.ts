import { z } from 'zod'
import { maxReportReason } from '../../domain/limits.ts'
import { endpoint } from '../endpoint.ts'
import { roomIdOf } from './path-ids.ts'

const reason = z.string().max(maxReportReason)
const common = { method: 'POST', auth: 'user', limit: 'write' } as const

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreporteventid */
const reportEvent = endpoint({
  ...common,
  path: '/rooms/:roomId/report/:eventId',
  since: ['r0', 'v3'],
  body: z.object({ reason: reason.nullish(), score: z.int().nullish() }).prefault({}),
  handle: async ({ params, who, body }, { reports }) => {
    await reports.event(who.userId, roomIdOf(params), params.eventId, {
      reason: body.reason ?? undefined,
      score: body.score ?? undefined,
    })
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreport */
const reportRoom = endpoint({
  ...common,
  path: '/rooms/:roomId/report',
  since: ['v3'],
  also: ['/_matrix/client/unstable/org.matrix.msc4151/rooms/:roomId/report'],
  body: z.object({ reason }),
  handle: async ({ params, who, body }, { reports }) => {
    await reports.room(who.userId, roomIdOf(params), body)
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3usersuseridreport */
const reportUser = endpoint({
  ...common,
  path: '/users/:userId/report',
  since: ['v3'],
  also: ['/_matrix/client/unstable/org.matrix.msc4260/users/:userId/report'],
  body: z.object({ reason }),
  handle: async ({ params, who, body }, { reports }) => {
    await reports.user(who.userId, params.userId, body)
    return {}
  },
})

export const reportEndpoints = [reportEvent, reportRoom, reportUser]
