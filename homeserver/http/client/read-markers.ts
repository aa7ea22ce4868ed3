import { z } from 'zod'
import { endpoint } from '../endpoint.ts'
import { eventIdOf, roomIdOf } from './path-ids.ts'

const receiptTypes = ['m.read', 'm.read.private'] as const

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidread_markers */
const setReadMarkers = endpoint({
  method: 'POST',
  path: '/rooms/:roomId/read_markers',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'ephemeral',
  whileSuspended: true,
  body: z.object({
    'm.fully_read': z.string().optional(),
    'm.read': z.string().optional(),
    'm.read.private': z.string().optional(),
  }),
  handle: async ({ params, who: { userId, deviceId }, body }, { receipts, readMarkers, presence }) => {
    const roomId = roomIdOf(params)
    const [marker, ...read] = (['m.fully_read', ...receiptTypes] as const).map((type) => {
      const eventId = body[type]
      return eventId === undefined ? undefined : eventIdOf({ eventId })
    })
    await Promise.all([
      marker && readMarkers.set(roomId, userId, marker),
      ...receiptTypes.map((type, index) => read[index] && receipts.add({ roomId, userId, type, eventId: read[index] })),
    ])
    presence.active(userId, deviceId)
    return {}
  },
})

export const readMarkerEndpoints = [setReadMarkers]
