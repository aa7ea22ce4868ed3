import { endpoint } from '../endpoint.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3accountwhoami */
const whoami = endpoint({
  method: 'GET',
  path: '/account/whoami',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  handle: ({ who }) => ({
    user_id: who.userId,
    is_guest: who.isGuest,
    ...(who.deviceId === undefined ? {} : { device_id: who.deviceId }),
  }),
})

export const accountEndpoints = [whoami]
