import { z } from 'zod'
import { endpoint, JsonText } from '../endpoint.ts'
import { eventFilter, limit, listText, tokenMember } from './paging.ts'
import { roomIdOf } from './path-ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidcontexteventid */
const getContext = endpoint({
  method: 'GET',
  path: '/rooms/:roomId/context/:eventId',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  query: z.object({ limit, filter: eventFilter }),
  handle: async ({ params, who, query: { filter, limit: wanted = filter.limit } }, { history }) => {
    const context = await history.context(who, roomIdOf(params), params.eventId, { filter, limit: wanted })
    return new JsonText(
      `{"event":${context.event},"events_before":${listText(context.before)},"events_after":${listText(context.after)}` +
        `${tokenMember('start', context.start)}${tokenMember('end', context.end)},"state":${listText(context.state)}}`,
    )
  },
})

export const contextEndpoints = [getContext]
