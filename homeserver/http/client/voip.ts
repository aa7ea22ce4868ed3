import { endpoint } from '../endpoint.ts'

/**
 * No setting names a TURN server; clients understand an empty answer so, and an error as one that will pass.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3voipturnserver
 */
const turnServer = endpoint({
  method: 'GET',
  path: '/voip/turnServer',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  handle: () => ({}),
})

export const voipEndpoints = [turnServer]
