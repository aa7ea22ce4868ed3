import { endpoint } from '../endpoint.ts'
import { roomIdOf } from './path-ids.ts'
import { targetAndReason } from './reason.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidkick */
const kick = endpoint({
  method: 'POST',
  path: '/rooms/:roomId/kick',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'write',
  body: targetAndReason,
  handle: async ({ params, who, body: { user_id: target, ...more } }, { memberships }) => {
    await memberships.kick(who, roomIdOf(params), target, more)
    return {}
  },
})

export const kickEndpoints = [kick]
