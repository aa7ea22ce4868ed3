import { z } from 'zod'
import { endpoint, Reply } from '../endpoint.ts'
import { noStore, oauthRefusal } from './refusal.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#dynamic-client-registration-flow */
export const registerClient = endpoint({
  method: 'POST',
  path: '/oauth/register',
  auth: 'none',
  limit: 'oauth',
  refuse: oauthRefusal,
  maxBody: 32_768,
  body: z.unknown(),
  handle: async ({ body }, { oauthClients }) => {
    const { clientId, metadata } = await oauthClients.register(body)
    return new Reply(201, { client_id: clientId, ...metadata }, noStore)
  },
})
