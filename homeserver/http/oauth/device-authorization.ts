import { deviceCodeGrant } from '../../domain/oauth/client-metadata.ts'
import { endpoint, Reply } from '../endpoint.ts'
import { fieldOf, readForm } from './form.ts'
import { noStore, oauthRefusal } from './refusal.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#device-authorisation-flow */
export const authorizeDevice = endpoint({
  method: 'POST',
  path: '/oauth/device',
  auth: 'none',
  limit: 'oauth',
  refuse: oauthRefusal,
  body: 'stream',
  handle: async ({ request }, { config, oauthClients, deviceGrants }) => {
    const form = await readForm(request)
    const client = await oauthClients.get(fieldOf(form, 'client_id'), deviceCodeGrant)
    const { deviceCode, userCode, expiresInMs, intervalMs } = await deviceGrants.begin(client, fieldOf(form, 'scope'))
    const page = `${config.public_url}/link`
    const answer = {
      device_code: deviceCode,
      user_code: userCode,
      verification_uri: page,
      verification_uri_complete: `${page}?code=${userCode}`,
      expires_in: expiresInMs / 1000,
      interval: intervalMs / 1000,
    }
    return new Reply(200, answer, noStore)
  },
})
