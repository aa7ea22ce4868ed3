import { z } from 'zod'
import { endpoint } from '../endpoint.ts'
import { ownUserId, roomIdOf } from './path-ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidtypinguserid */
const setTyping = endpoint({
  method: 'PUT',
  path: '/rooms/:roomId/typing/:userId',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'ephemeral',
  body: z.object({ typing: z.boolean(), timeout: z.int().optional() }),
  handle: async ({ params, who, body: { typing: isTyping, timeout } }, { typing, presence }) => {
    const userId = ownUserId(params, who)
    if (isTyping) await typing.begin(roomIdOf(params), userId, timeout)
    else typing.end(roomIdOf(params), userId)
    presence.active(userId, who.deviceId)
    return {}
  },
})

export const typingEndpoints = [setTyping]
