/** https://element-hq.github.io/synapse/latest/admin_api/server_notices.html */
import { z } from 'zod'
import { badJson } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import type { Notice } from '../../domain/admin/server-notices.ts'
import { endpoint } from '../endpoint.ts'

const body = z.looseObject({
  user_id: z.string(),
  type: z.string().min(1).default('m.room.message'),
  content: z.looseObject({}).transform((content) => content as JsonObject), // parsed from JSON
})
const common = { auth: 'admin', limit: 'admin', body, exactNumbers: true } as const

function noticeOf({ user_id: userId, type, content, state_key: stateKey }: z.output<typeof body>): Notice {
  if (stateKey !== undefined) throw badJson('Notices are no state')
  if (type === 'm.room.encrypted') throw badJson('The server does not encrypt')
  return { userId, type, content }
}

const send = endpoint({
  ...common,
  method: 'POST',
  path: '/_synapse/admin/v1/send_server_notice',
  handle: async ({ who, body }, { serverNotices }) => ({ event_id: await serverNotices.send(who, noticeOf(body)) }),
})

const sendOnce = endpoint({
  ...common,
  method: 'PUT',
  path: '/_synapse/admin/v1/send_server_notice/:txnId',
  handle: async ({ who, body, params: { txnId } }, { serverNotices }) => ({
    event_id: await serverNotices.send(who, { ...noticeOf(body), transactionId: txnId }),
  }),
})

export const serverNoticesEndpoints = [send, sendOnce]
