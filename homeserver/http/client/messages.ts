import { z } from 'zod'
import { missingParam } from '../../core/errors.ts'
import { formatPaginationToken } from '../../core/token.ts'
import { endpoint, JsonText } from '../endpoint.ts'
import { direction, eventFilter, limit, listText, token, tokenMember } from './paging.ts'
import { roomIdOf } from './path-ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmessages */
const listMessages = endpoint({
  method: 'GET',
  path: '/rooms/:roomId/messages',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  query: z.object({ dir: direction.optional(), from: token, to: token, limit, filter: eventFilter }),
  handle: async ({ params, who, query }, { history }) => {
    const { dir, from, to, filter } = query
    const roomId = roomIdOf(params)
    // Who may not read the room learns that first.
    const reader = await history.enter(who.userId, roomId)
    if (!dir) throw missingParam("'dir' is missing")
    const page = await history.messages(who, roomId, reader, {
      dir,
      from,
      to,
      filter,
      limit: query.limit ?? filter.limit,
    })
    const state = filter.lazyLoadMembers ? `,"state":${listText(page.state)}` : ''
    const start = JSON.stringify(formatPaginationToken(page.start))
    return new JsonText(`{"start":${start}${tokenMember('end', page.end)},"chunk":${listText(page.chunk)}${state}}`)
  },
})

export const messagesEndpoints = [listMessages]
