import { z } from 'zod'
import { endpoint } from '../endpoint.ts'
import { userId } from './body-ids.ts'
import { roomIdOf } from './path-ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidupgrade */
const upgrade = endpoint({
  method: 'POST',
  path: '/rooms/:roomId/upgrade',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'createRoom',
  body: z.object({ new_version: z.string(), additional_creators: z.array(userId).optional() }),
  handle: async ({ params, who, body }, { roomUpgrade }) => ({
    replacement_room: await roomUpgrade.upgrade(who, roomIdOf(params), {
      version: body.new_version,
      additionalCreators: body.additional_creators ?? [],
    }),
  }),
})

export const upgradeEndpoints = [upgrade]
