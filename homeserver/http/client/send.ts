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
  handle: async ({ params, who, body }, { eventSender, presence }) => {
    const eventId = await eventSender.send(who, {
      roomId: roomIdOf(params),
      type: params.eventType,
      content: body,
      transactionId: params.txnId,
    })
    presence.active(who.userId, who.deviceId)
    return { event_id: eventId }
  },
})

export const sendEndpoints = [send]
