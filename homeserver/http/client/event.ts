import { endpoint, JsonText } from '../endpoint.ts'
import { roomIdOf } from './path-ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomideventeventid */
const getEvent = endpoint({
  method: 'GET',
  path: '/rooms/:roomId/event/:eventId',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  handle: async ({ params, who }, { history }) =>
    new JsonText(await history.event(who, roomIdOf(params), params.eventId)),
})

export const eventEndpoints = [getEvent]
