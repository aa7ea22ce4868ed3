import { endpoint } from '../endpoint.ts'
import { reason } from './reason.ts'
import { serversToAsk } from './servers-to-ask.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3knockroomidoralias */
const knock = endpoint({
  method: 'POST',
  path: '/knock/:roomIdOrAlias',
  since: ['v3'],
  also: ['/_matrix/client/unstable/xyz.amorgan.knock/knock/:roomIdOrAlias'],
  auth: 'user',
  limit: 'join',
  body: reason.prefault({}),
  handle: async ({ params, who, body, request }, { memberships }) => {
    const { roomId, servers } = await memberships.roomNamed(params.roomIdOrAlias)
    await memberships.knock(who, { roomId, servers: [...serversToAsk(request), ...servers] }, body)
    return { room_id: roomId }
  },
})

export const knockEndpoints = [knock]
