import { endpoint } from '../endpoint.ts'
import { optionalContent } from './event-content.ts'
import { roomIdOf } from './path-ids.ts'
import { serversToAsk } from './servers-to-ask.ts'

/** What a client sends with its join goes into the member event; signatures of identity servers do not. */
const common = {
  method: 'POST',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'join',
  body: optionalContent,
  exactNumbers: true,
} as const

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidjoin */
const joinById = endpoint({
  ...common,
  path: '/rooms/:roomId/join',
  handle: async ({ params, who, body, request }, { memberships }) => {
    const { third_party_signed: _signed, ...content } = body
    const roomId = roomIdOf(params)
    await memberships.join(who, { roomId, servers: serversToAsk(request) }, content)
    return { room_id: roomId }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3joinroomidoralias */
const join = endpoint({
  ...common,
  path: '/join/:roomIdOrAlias',
  handle: async ({ params, who, body, request }, { memberships }) => {
    const { third_party_signed: _signed, ...content } = body
    const { roomId, servers } = await memberships.roomNamed(params.roomIdOrAlias)
    await memberships.join(who, { roomId, servers: [...serversToAsk(request), ...servers] }, content)
    return { room_id: roomId }
  },
})

export const joinEndpoints = [joinById, join]
