import { invalidParam, notFound } from '../../core/errors.ts'
import { isRoomAlias, isRoomId, type RoomId, type ServerName } from '../../core/ids.ts'
import type { Services } from '../services.ts'
import { endpoint } from '../endpoint.ts'
import { serversToAsk } from './servers-to-ask.ts'

async function resolve(
  { roomIdOrAlias }: { readonly roomIdOrAlias: string },
  { directory }: Services,
): Promise<{ readonly roomId: RoomId; readonly servers: readonly ServerName[] }> {
  if (isRoomId(roomIdOrAlias)) return { roomId: roomIdOrAlias, servers: [] }
  if (!isRoomAlias(roomIdOrAlias)) throw invalidParam(`'${roomIdOrAlias}' is neither a room id nor an alias`)
  const found = await directory.resolve(roomIdOrAlias)
  if (!found) throw notFound('There is no such alias')
  return found
}

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias */
const summary = endpoint({
  method: 'GET',
  path: '/room_summary/:roomIdOrAlias',
  since: ['v1'],
  also: [
    '/_matrix/client/unstable/im.nheko.summary/rooms/:roomIdOrAlias/summary',
    '/_matrix/client/unstable/im.nheko.summary/summary/:roomIdOrAlias',
  ],
  auth: 'optional',
  limit: 'read',
  handle: async ({ who, params, request }, services) => {
    const { roomId, servers } = await resolve(params, services)
    return await services.roomPreviews.summarise(who?.userId, roomId, [...serversToAsk(request), ...servers])
  },
})

export const roomSummaryEndpoints = [summary]
