import { z } from 'zod'
import { endpoint } from '../endpoint.ts'
import { direction } from './paging.ts'
import { roomIdOf } from './path-ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event */
const timestampToEvent = endpoint({
  method: 'GET',
  path: '/rooms/:roomId/timestamp_to_event',
  since: ['v1'],
  also: ['/_matrix/client/unstable/org.matrix.msc3030/rooms/:roomId/timestamp_to_event'],
  auth: 'user',
  limit: 'read',
  query: z.object({
    ts: z
      .string()
      .regex(/^-?\d{1,15}$/, 'is not a time in milliseconds')
      .transform(Number),
    dir: direction,
  }),
  handle: async ({ params, who, query }, { history }) => {
    const { eventId, ts } = await history.nearest(who, roomIdOf(params), query)
    return { event_id: eventId, origin_server_ts: ts }
  },
})

export const timestampToEventEndpoints = [timestampToEvent]
