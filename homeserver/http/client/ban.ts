import { endpoint } from '../endpoint.ts'
import { roomIdOf } from './path-ids.ts'
import { targetAndReason } from './reason.ts'

const common = {
  method: 'POST',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'write',
  body: targetAndReason,
} as const

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidban */
const ban = endpoint({
  ...common,
  path: '/rooms/:roomId/ban',
  handle: async ({ params, who, body: { user_id: target, ...more } }, { memberships }) => {
    await memberships.ban(who, roomIdOf(params), target, more)
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidunban */
const unban = endpoint({
  ...common,
  path: '/rooms/:roomId/unban',
  handle: async ({ params, who, body: { user_id: target, ...more } }, { memberships }) => {
    await memberships.unban(who, roomIdOf(params), target, more)
    return {}
  },
})

export const banEndpoints = [ban, unban]
