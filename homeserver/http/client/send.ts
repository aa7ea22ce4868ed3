import { endpoint } from '../endpoint.ts'
import { scheduleByQuery } from './delayed-events.ts'
import { lateContent, requireContent } from './event-content.ts'
import { roomIdOf } from './path-ids.ts'
import { sendingQuery } from './sending-query.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid */
const send = endpoint({
  method: 'PUT',
  path: '/rooms/:roomId/send/:eventType/:txnId',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'message',
  query: sendingQuery,
  body: lateContent,
  exactNumbers: true,
  handle: async ({ params, who, query, body }, services) => {
    const message = { roomId: roomIdOf(params), type: params.eventType, transactionId: params.txnId }
    const { delay, stickyDuration } = query
    if (delay !== undefined) {
      return await scheduleByQuery(who, { ...message, content: body, delay, stickyDuration }, services)
    }
    const eventId = await services.eventSender.send(who, { ...message, content: requireContent(body), stickyDuration })
    services.presence.active(who.userId, who.deviceId)
    return { event_id: eventId }
  },
})

export const sendEndpoints = [send]
