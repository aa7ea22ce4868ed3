import { endpoint, Reply } from '../endpoint.ts'
import { fieldOf, readForm } from './form.ts'
import { noStore, oauthRefusal } from './refusal.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#token-revocation */
export const revoke = endpoint({
  method: 'POST',
  path: '/oauth/revoke',
  auth: 'none',
  limit: 'sync',
  refuse: oauthRefusal,
  body: 'stream',
  handle: async ({ request }, { oauthTokens }) => {
    await oauthTokens.revoke(fieldOf(await readForm(request), 'token'))
    return new Reply(200, {}, noStore)
  },
})
