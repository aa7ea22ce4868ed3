import { endpoint } from '../endpoint.ts'
import { optionalContent } from './event-content.ts'
import { roomIdOf } from './path-ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidforget */
const forget = endpoint({
  method: 'POST',
  path: '/rooms/:roomId/forget',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'write',
  whileSuspended: true,
  body: optionalContent,
  handle: async ({ params, who }, { forgetting }) => {
    await forgetting.forget(who, roomIdOf(params))
    return {}
  },
})

export const forgetEndpoints = [forget]
