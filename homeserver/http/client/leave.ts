import { endpoint } from '../endpoint.ts'
import { roomIdOf } from './path-ids.ts'
import { reason } from './reason.ts'

/** Also how an invite is refused. https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidleave */
const leave = endpoint({
  method: 'POST',
  path: '/rooms/:roomId/leave',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'write',
  whileSuspended: true,
  body: reason.prefault({}),
  handle: async ({ params, who, body }, { memberships, serverNotices }) => {
    const roomId = roomIdOf(params)
    await serverNotices.refuseRejection(who.userId, roomId)
    await memberships.leave(who, roomId, body)
    return {}
  },
})

export const leaveEndpoints = [leave]
