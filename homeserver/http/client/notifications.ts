import { z } from 'zod'
import { endpoint, JsonText } from '../endpoint.ts'
import { limit, listText, token, tokenMember } from './paging.ts'

const defaultLimit = 20
const maxLimit = 100

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3notifications */
const list = endpoint({
  method: 'GET',
  path: '/notifications',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  query: z.object({ from: token, limit, only: z.string().optional() }),
  handle: async ({ who, query }, { notifications: service, clientEvents }) => {
    const { notifications, next } = await service.list(who.userId, {
      before: query.from?.stream,
      limit: Math.max(1, Math.min(query.limit ?? defaultLimit, maxLimit)),
      only: query.only === 'highlight' ? 'highlights' : 'all',
    })
    const events = notifications.map(({ event }) => event)
    const texts = await clientEvents.texts(events, who, { withRoomId: false })
    const shown = notifications.map(({ event: { roomId, row }, actions, isRead }, index) => {
      const around = JSON.stringify({ actions, read: isRead, room_id: roomId, ts: row.origin_server_ts })
      return `${around.slice(0, -1)},"event":${texts[index]}}`
    })
    const nextToken = tokenMember('next_token', next === undefined ? undefined : { stream: next })
    return new JsonText(`{"notifications":${listText(shown)}${nextToken}}`)
  },
})

export const notificationEndpoints = [list]
