import { endpoint } from '../endpoint.ts'
import { eventContent } from './event-content.ts'
import { roomIdOf } from './path-ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid */
const send = endpoint({
  method: 'PUT',
  path: '/rooms/:roomId/send/:eventType/:txnId',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'message',
  body: eventContent,
  exactNumbers: true,
  handle: async ({ params, who, body }, { eventSender }) => ({
    event_id: await eventSender.send(who, {
      roomId: roomIdOf(params),
      type: params.eventType,
      content: body,
      transactionId: params.txnId,
    }),
  }),
})

export const sendEndpoints = [send]
