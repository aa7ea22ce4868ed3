import { z } from 'zod'
import { missingToken } from '../../core/errors.ts'
import { endpoint } from '../endpoint.ts'

/**
 * For services too, so that nothing is signed, and it is there where we talk with no other server.
 * https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1openiduserinfo
 */
const userInfo = endpoint({
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

export const openIdUserInfoEndpoints = [userInfo]
