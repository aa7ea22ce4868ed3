/** https://github.com/matrix-org/matrix-spec-proposals/pull/4306 and https://github.com/matrix-org/matrix-spec-proposals/pull/4308 */
import { z } from 'zod'
import { invalidParam, notFound } from '../../core/errors.ts'
import { isRoomId, type RoomId } from '../../core/ids.ts'
import {
  formatSubscriptionsPlace,
  parseSubscriptionsPlace,
  subscriptionsByRoom,
} from '../../domain/rooms/thread-subscriptions.ts'
import { positionsIn } from '../../domain/sync/sliding/connections.ts'
import { endpoint } from '../endpoint.ts'

const path = '/_matrix/client/unstable/io.element.msc4306/rooms/:roomId/thread/:eventId/subscription'
const maxPage = 500

function requireRoomId(text: string): RoomId {
  if (!isRoomId(text)) throw notFound('There is no such thread, or you may not see it')
  return text
}

const get = endpoint({
  method: 'GET',
  path,
  auth: 'user',
  limit: 'read',
  handle: async ({ who, params: { roomId, eventId } }, { threadSubscriptions }) =>
    await threadSubscriptions.get(who.userId, requireRoomId(roomId), eventId),
})

const put = endpoint({
  method: 'PUT',
  path,
  auth: 'user',
  limit: 'write',
  body: z.object({ automatic: z.string().optional() }),
  handle: async ({ who, params: { roomId, eventId }, body }, { threadSubscriptions }) => {
    await threadSubscriptions.subscribe(who.userId, requireRoomId(roomId), eventId, body.automatic)
    return {}
  },
})

const remove = endpoint({
  method: 'DELETE',
  path,
  auth: 'user',
  limit: 'write',
  handle: async ({ who, params: { roomId, eventId } }, { threadSubscriptions }) => {
    await threadSubscriptions.unsubscribe(who.userId, requireRoomId(roomId), eventId)
    return {}
  },
})

/** Backwards from `from`, as far as `to`, which may be a position of sliding sync. */
const list = endpoint({
  method: 'GET',
  path: '/_matrix/client/unstable/io.element.msc4308/thread_subscriptions',
  auth: 'user',
  limit: 'read',
  query: z.object({
    dir: z.literal('b'),
    from: z.string().optional(),
    to: z.string().optional(),
    limit: z.coerce.number().int().positive().default(100),
  }),
  handle: async ({ who, query: { from, to, limit: asked } }, { threadSubscriptions }) => {
    const upto = from === undefined ? Number.MAX_SAFE_INTEGER : parseSubscriptionsPlace(from)
    const after = to === undefined ? 0 : (parseSubscriptionsPlace(to) ?? positionsIn(to)?.thread_subscriptions)
    if (upto === undefined) throw invalidParam('from is no token of this endpoint')
    if (after === undefined) throw invalidParam('to is neither a token of this endpoint nor a position')
    const limit = Math.min(asked, maxPage)
    const rows = await threadSubscriptions.list(who.userId, { after, upto, limit })
    const last = rows.length === limit ? rows.at(-1)?.stream_id : undefined
    return { ...subscriptionsByRoom(rows), ...(last === undefined ? {} : { end: formatSubscriptionsPlace(last - 1) }) }
  },
})

export const threadSubscriptionEndpoints = [get, put, remove, list]
