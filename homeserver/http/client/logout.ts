import { endpoint } from '../endpoint.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logout */
const logout = endpoint({
  method: 'POST',
  path: '/logout',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'write',
  whileSuspended: true,
  whileLocked: true,
  handle: async ({ who }, { sessions }) => {
    if (who.deviceId !== undefined) await sessions.end(who.userId, [who.deviceId])
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logoutall */
const logoutAll = endpoint({
  method: 'POST',
  path: '/logout/all',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'write',
  whileSuspended: true,
  whileLocked: true,
  handle: async ({ who }, { sessions }) => {
    await sessions.endAll(who.userId)
    return {}
  },
})

export const logoutEndpoints = [logout, logoutAll]
