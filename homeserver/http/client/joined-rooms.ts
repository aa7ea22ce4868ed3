import { endpoint } from '../endpoint.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3joined_rooms */
const joinedRooms = endpoint({
  method: 'GET',
  path: '/joined_rooms',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  handle: async ({ who }, { members }) => ({ joined_rooms: await members.joinedRooms(who.userId) }),
})

export const joinedRoomsEndpoints = [joinedRooms]
