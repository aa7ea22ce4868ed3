import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import { parsePaginationToken } from '../../core/token.ts'
import { clientEventText } from '../../domain/rooms/client-event.ts'
import { endpoint, JsonText } from '../endpoint.ts'
import { roomIdOf } from './path-ids.ts'

const membership = z.enum(['join', 'invite', 'knock', 'leave', 'ban']).optional()

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmembers */
const listMembers = endpoint({
  method: 'GET',
  path: '/rooms/:roomId/members',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  query: z.object({ at: z.string().optional(), membership, not_membership: membership }),
  handle: async ({ params, who, query }, { memberList, clock }) => {
    const events = await memberList.events(who, roomIdOf(params), {
      at: query.at === undefined ? undefined : placeOf(query.at),
      membership: query.membership,
      notMembership: query.not_membership,
    })
    const form = { now: clock.now() }
    return new JsonText(`{"chunk":[${events.map((event) => clientEventText(event, form)).join(',')}]}`)
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidjoined_members */
const joinedMembers = endpoint({
  method: 'GET',
  path: '/rooms/:roomId/joined_members',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  handle: async ({ params, who }, { memberList }) => {
    const joined = await memberList.joined(who, roomIdOf(params))
    return {
      joined: Object.fromEntries(
        [...joined].map(([userId, { display_name, avatar_url }]) => [userId, { avatar_url, display_name }]),
      ),
    }
  },
})

function placeOf(token: string): number {
  const place = parsePaginationToken(token)
  if (!place) throw invalidParam("'at' is no token of a sync")
  return place.stream
}

export const membersEndpoints = [listMembers, joinedMembers]
