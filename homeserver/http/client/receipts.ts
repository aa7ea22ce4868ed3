import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import { endpoint } from '../endpoint.ts'
import { eventIdOf, roomIdOf } from './path-ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreceiptreceipttypeeventid */
const sendReceipt = endpoint({
  method: 'POST',
  path: '/rooms/:roomId/receipt/:receiptType/:eventId',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'ephemeral',
  whileSuspended: true,
  // What is wrong with a thread id is M_INVALID_PARAM, also the type.
  body: z.looseObject({ thread_id: z.unknown().optional() }).optional(),
  handle: async ({ params, who: { userId, deviceId }, body }, { receipts, readMarkers, presence }) => {
    const [roomId, eventId, type] = [roomIdOf(params), eventIdOf(params), params.receiptType]
    const threadId = threadIdOf(body?.thread_id)
    if (type === 'm.fully_read') {
      if (threadId !== undefined) throw invalidParam('m.fully_read markers know no threads')
      await readMarkers.set(roomId, userId, eventId)
    } else if (type === 'm.read' || type === 'm.read.private') {
      await receipts.add({ roomId, userId, type, eventId, threadId })
    } else {
      throw invalidParam('Receipts are of type m.read, m.read.private or m.fully_read')
    }
    presence.active(userId, deviceId)
    return {}
  },
})

function threadIdOf(threadId: unknown): string | undefined {
  if (threadId === undefined) return undefined
  if (typeof threadId !== 'string' || threadId === '') throw invalidParam('thread_id must be a text that is not empty')
  return threadId
}

export const receiptEndpoints = [sendReceipt]
