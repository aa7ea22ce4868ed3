import { endpoint } from '../endpoint.ts'
import { serversToAsk } from './servers-to-ask.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias */
const summary = endpoint({
  method: 'GET',
  path: '/room_summary/:roomIdOrAlias',
  since: ['v1'],
  also: [
    '/_matrix/client/unstable/im.nheko.summary/rooms/:roomIdOrAlias/summary',
    '/_matrix/client/unstable/im.nheko.summary/summary/:roomIdOrAlias',
  ],
  auth: 'optional',
  limit: 'read',
  handle: async ({ who, params, request }, { memberships, roomPreviews }) => {
    const { roomId, servers } = await memberships.roomNamed(params.roomIdOrAlias)
    return await roomPreviews.summarise(who?.userId, roomId, [...serversToAsk(request), ...servers])
  },
})

export const roomSummaryEndpoints = [summary]
