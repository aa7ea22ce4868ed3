/** Where clients send people to log in. https://spec.matrix.org/v1.19/client-server-api/#client-login-via-sso */
import { z } from 'zod'
import { notFound } from '../../core/errors.ts'
import { checkRedirectUrl } from '../../domain/sso/redirect-url.ts'
import { endpoint, type Reply } from '../endpoint.ts'
import { seeOther } from '../pages/page.ts'
import type { Services } from '../services.ts'

const query = z.object({ redirectUrl: z.string(), action: z.enum(['login', 'register']).optional().catch(undefined) })

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3loginssoredirect */
const redirect = endpoint({
  method: 'GET',
  path: '/login/sso/redirect',
  since: ['r0', 'v3'],
  auth: 'none',
  limit: 'read',
  query,
  handle: ({ query: asked }, services) => toPage(asked, services),
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3loginssoredirectidpid */
const redirectToProvider = endpoint({
  method: 'GET',
  path: '/login/sso/redirect/:idpId',
  since: ['r0', 'v3'],
  also: ['/_matrix/client/unstable/org.matrix.msc2858/login/sso/redirect/:idpId'],
  auth: 'none',
  limit: 'read',
  query,
  handle: ({ params, query: asked }, services) => {
    if (!services.ssoProviders.find(params.idpId)) throw notFound('There is no such identity provider')
    return toPage(asked, services, params.idpId)
  },
})

function toPage({ redirectUrl, action }: z.output<typeof query>, { config }: Services, provider?: string): Reply {
  checkRedirectUrl(redirectUrl)
  const isNew = action === 'register' && config.registration.mode !== 'closed'
  const way = new URLSearchParams({
    redirectUrl,
    ...(provider === undefined ? {} : { provider }),
    ...(isNew ? { action } : {}),
  })
  return seeOther(`${config.public_url}/auth/sso?${way.toString()}`)
}

/** The page of the stage `m.login.sso`. https://spec.matrix.org/v1.19/client-server-api/#sso-during-user-interactive-authentication */
const fallback = endpoint({
  method: 'GET',
  path: '/auth/m.login.sso/fallback/web',
  since: ['r0', 'v3'],
  auth: 'none',
  limit: 'read',
  query: z.object({ session: z.string().min(1).max(100) }),
  handle: ({ query: { session } }, { config }) =>
    seeOther(`${config.public_url}/auth/confirm?${new URLSearchParams({ session }).toString()}`),
})

export const ssoEndpoints = [redirect, redirectToProvider, fallback]
