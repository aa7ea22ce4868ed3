import { z } from 'zod'
import { endpoint } from '../endpoint.ts'
import { jsonObject } from './json-object.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3sendtodeviceeventtypetxnid */
const sendToDevice = endpoint({
  method: 'PUT',
  path: '/sendToDevice/:eventType/:txnId',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'none',
  whileSuspended: true,
  maxBody: 8 * 1024 * 1024,
  body: z.object({ messages: z.record(z.string(), z.record(z.string(), jsonObject)) }),
  handle: async ({ params: { eventType, txnId }, who, body: { messages } }, { toDevice }) => {
    await toDevice.send({ sender: who.userId, sessionId: who.sessionId, eventType, txnId, messages })
    return {}
  },
})

export const sendToDeviceEndpoints = [sendToDevice]
