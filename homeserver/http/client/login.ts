import { z } from 'zod'
import { forbidden, missingParam, missingToken, refuse } from '../../core/errors.ts'
import type { UserId } from '../../core/ids.ts'
import { emailAddress, phoneNumber } from '../../domain/accounts/threepids/addresses.ts'
import { offersOAuth } from '../../domain/oauth/open-oauth.ts'
import { tokenOf } from '../auth.ts'
import { type Call, endpoint } from '../endpoint.ts'
import type { Services } from '../services.ts'
import { authData } from './auth-data.ts'
import { sessionAnswer, sessionOptions, sessionShape } from './session.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3login */
const loginFlows = endpoint({
  method: 'GET',
  path: '/login',
  since: ['r0', 'v3'],
  auth: 'none',
  limit: 'read',
  handle: (_, services) => ({
    flows: [
      ...ssoFlows(services),
      { type: 'm.login.password' },
      { type: 'm.login.token', get_login_token: true },
      { type: 'm.login.application_service' },
    ],
  }),
})

/** On the login page there are all ways in. Clients that know what OAuth is but cannot do it are to lead there. */
function ssoFlows({ config, ssoProviders }: Services): object[] {
  const providers = ssoProviders.ready.map(({ id, name, brand }) => ({ id, name, ...(brand ? { brand } : {}) }))
  const isPreferred = offersOAuth(config)
  if (providers.length === 0 && !isPreferred) return []
  return [
    {
      type: 'm.login.sso',
      ...(providers.length > 0 ? { identity_providers: providers } : {}),
      ...(isPreferred ? { oauth_aware_preferred: true, 'org.matrix.msc3824.delegated_oidc_compatibility': true } : {}),
    },
  ]
}

const identifier = z.looseObject({
  type: z.string(),
  user: z.string().optional(),
  medium: z.string().optional(),
  address: z.string().optional(),
  country: z.string().optional(),
  phone: z.string().optional(),
  number: z.string().optional(), // what some clients call it
})

const loginBody = z.object({
  type: z.string(),
  identifier: identifier.optional(),
  /** Before identifiers there were. */
  user: z.string().optional(),
  password: z.string().optional(),
  token: z.string().optional(),
  ...sessionShape,
})

type LoginCall = Call<'/login', 'none', unknown, z.output<typeof loginBody>>

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login */
const logIn = endpoint({
  method: 'POST',
  path: '/login',
  since: ['r0', 'v3'],
  auth: 'none',
  limit: 'login',
  body: loginBody,
  handle: async (call, services) => {
    const userId = await whoLogsIn(call, services)
    return sessionAnswer(await services.sessions.open(userId, sessionOptions(call)))
  },
})

async function whoLogsIn({ body, ip, request }: LoginCall, services: Services): Promise<UserId> {
  const { login, appservices } = services
  switch (body.type) {
    case 'm.login.password': {
      const user = (await ownerOf(body, services)) ?? userOf(body)
      if (body.password === undefined) throw missingParam("'password' is missing")
      const userId = await login.byPassword(user, body.password, ip)
      if (await services.signIn.needsSecondFactor(userId)) {
        throw forbidden('This account has a second factor: log in on the page of the server (m.login.sso)')
      }
      return userId
    }
    case 'm.login.token':
      if (body.token === undefined) throw missingParam("'token' is missing")
      return await login.byToken(body.token)
    case 'm.login.application_service': {
      const token = tokenOf(request, new URLSearchParams(request.url?.split('?')[1]))
      if (token === undefined) throw missingToken()
      return await login.byAppservice(appservices.getByToken(token), userOf(body))
    }
    default:
      throw refuse(400, 'M_UNKNOWN', 'This server does not know this type of login')
  }
}

/** Whose the address or number is by which somebody logs in; who has none is told no more than for a wrong password (T62). */
async function ownerOf(
  { identifier: given }: z.output<typeof loginBody>,
  { threePids }: Services,
): Promise<string | undefined> {
  const { type, medium, address, country, phone, number = phone } = given ?? {}
  const named =
    type === 'm.id.thirdparty' && medium === 'email' && address !== undefined
      ? emailAddress(address)
      : type === 'm.id.phone' && country !== undefined && number !== undefined
        ? await phoneNumber(country, number)
        : undefined
  return named && ((await threePids.ownerOf(named)) ?? named.address)
}

function userOf({ identifier, user }: z.output<typeof loginBody>): string {
  if (identifier && identifier.type !== 'm.id.user') {
    throw refuse(400, 'M_UNKNOWN', 'This server does not know people by such an identifier')
  }
  const name = identifier?.user ?? user
  if (name === undefined) throw missingParam("'identifier' is missing")
  return name
}

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv1loginget_token */
const getLoginToken = endpoint({
  method: 'POST',
  path: '/login/get_token',
  since: ['v1'],
  also: ['/_matrix/client/unstable/org.matrix.msc3882/login/get_token'],
  auth: 'user',
  limit: 'login',
  whileSuspended: true,
  body: z.object({ auth: authData }).prefault({}),
  handle: async (call, { uia, login }) => {
    await uia.require(call)
    const { token, expiresInMs } = await login.issueToken(call.who.userId)
    return { login_token: token, expires_in_ms: expiresInMs }
  },
})

export const loginEndpoints = [loginFlows, logIn, getLoginToken]
