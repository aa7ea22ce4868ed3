/** https://spec.matrix.org/v1.19/client-server-api/#openid */
import { z } from 'zod'
import { endpoint } from '../endpoint.ts'
import { ownUserId } from './path-ids.ts'

const requestOpenIdToken = endpoint({
  method: 'POST',
  path: '/user/:userId/openid/request_token',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'write',
  body: z.looseObject({}).optional(),
  handle: async ({ params, who }, { openIdTokens, config }) => {
    const { token, expiresInMs } = await openIdTokens.issue(ownUserId(params, who))
    return {
      access_token: token,
      token_type: 'Bearer',
      matrix_server_name: config.server_name,
      expires_in: expiresInMs / 1000,
    }
  },
})

export const openIdEndpoints = [requestOpenIdToken]
