import { endpoint } from '../endpoint.ts'
import { reason } from './reason.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3knockroomidoralias */
const knock = endpoint({
  method: 'POST',
  path: '/knock/:roomIdOrAlias',
  since: ['v3'],
  also: ['/_matrix/client/unstable/xyz.amorgan.knock/knock/:roomIdOrAlias'],
  auth: 'user',
  limit: 'join',
  body: reason.prefault({}),
  handle: async ({ params, who, body }, { memberships }) => {
    const roomId = await memberships.roomNamed(params.roomIdOrAlias)
    await memberships.knock(who, roomId, body)
    return { room_id: roomId }
  },
})

export const knockEndpoints = [knock]
