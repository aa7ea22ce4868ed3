/** https://spec.matrix.org/v1.19/client-server-api/#openid */
import { z } from 'zod'
import { missingToken } from '../../core/errors.ts'
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

/**
 * For services, not only servers: nothing is signed here.
 * https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1openiduserinfo
 */
const openIdUserInfo = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/openid/userinfo',
  auth: 'none',
  limit: 'read',
  query: z.object({ access_token: z.string().optional() }),
  handle: async ({ query: { access_token: token } }, { openIdTokens }) => {
    if (token === undefined) throw missingToken()
    return { sub: await openIdTokens.userOf(token) }
  },
})

export const openIdEndpoints = [requestOpenIdToken, openIdUserInfo]
