import { invalidParam } from '../../core/errors.ts'
import { endpoint } from '../endpoint.ts'
import { optionalContent } from './event-content.ts'
import { eventIdOf, roomIdOf } from './path-ids.ts'

/** Suspended users may redact what they sent. https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidredacteventidtxnid */
const redact = endpoint({
  method: 'PUT',
  path: '/rooms/:roomId/redact/:eventId/:txnId',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'message',
  whileSuspended: true,
  body: optionalContent,
  exactNumbers: true,
  handle: async ({ params, who, body }, { eventSender }) => {
    const redacts = eventIdOf(params)
    if (body['redacts'] !== undefined && body['redacts'] !== redacts) {
      throw invalidParam('redacts names another event than the path')
    }
    const message = { roomId: roomIdOf(params), type: 'm.room.redaction', content: body, redacts }
    return { event_id: await eventSender.send(who, { ...message, transactionId: params.txnId }) }
  },
})

export const redactEndpoints = [redact]
