/** Events and news of other servers. https://spec.matrix.org/v1.19/server-server-api/#transactions */
import { z } from 'zod'
import { forbidden } from '../../core/errors.ts'
import type { Json } from '../../core/event.ts'
import { endpoint } from '../endpoint.ts'

/** Fifty events of the greatest size, with a hundred EDUs, and a little for what stands around them (T46). */
const MAX_BODY = 13 * 1024 * 1024

const json = z.custom<Json>((value) => value !== undefined)

const send = endpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/send/:txnId',
  auth: 'server',
  limit: 'federation',
  maxBody: MAX_BODY,
  body: z.looseObject({
    origin: z.string().optional(),
    pdus: z.array(json).default([]),
    edus: z.array(json).default([]),
  }),
  handle: async ({ params: { txnId }, who: { origin }, body }, { transactionReceiver }) => {
    if (body.origin !== undefined && body.origin !== origin) throw forbidden('The transaction is of another server')
    return await transactionReceiver.receive({ origin, txnId, pdus: body.pdus, edus: body.edus })
  },
})

export const sendTransactionEndpoints = [send]
