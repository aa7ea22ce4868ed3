import { notFound } from '../../core/errors.ts'
import { offersOAuth } from '../../domain/oauth/open-oauth.ts'
import { endpoint } from '../endpoint.ts'
import { issuerOf } from './auth-metadata.ts'
import { transportsOf } from './rtc.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixclient */
const wellKnownClient = endpoint({
  method: 'GET',
  path: '/.well-known/matrix/client',
  auth: 'none',
  limit: 'none',
  handle: (_, { config, calls }) => ({
    'm.homeserver': { base_url: config.public_url },
    'io.element.e2ee': { default: config.encryption.default === 'on' },
    // for clients from before the endpoint that says the same
    ...(calls ? { 'org.matrix.msc4143.rtc_foci': transportsOf(calls), 'm.rtc_foci': transportsOf(calls) } : {}),
    // for clients from before the metadata were served by the server itself
    ...(offersOAuth(config)
      ? { 'org.matrix.msc2965.authentication': { issuer: issuerOf(config), account: `${config.public_url}/account` } }
      : {}),
  }),
})

/** https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixsupport */
const wellKnownSupport = endpoint({
  method: 'GET',
  path: '/.well-known/matrix/support',
  auth: 'none',
  limit: 'none',
  handle: (_, { config: { support } }) => {
    const { matrix_id, email, page } = support
    const contact = {
      ...(matrix_id === undefined ? {} : { matrix_id }),
      ...(email === undefined ? {} : { email_address: email }),
    }
    const hasContact = Object.keys(contact).length > 0
    if (!hasContact && page === undefined) throw notFound('This server does not say whom to turn to')
    return {
      ...(hasContact ? { contacts: [{ ...contact, role: 'm.role.admin' }] } : {}),
      ...(page === undefined ? {} : { support_page: page }),
    }
  },
})

export const wellKnownEndpoints = [wellKnownClient, wellKnownSupport]
