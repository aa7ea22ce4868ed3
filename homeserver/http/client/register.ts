import { z } from 'zod'
import type { Config } from '../../config/schema.ts'
import { forbidden, missingParam, refuse, unknownToken } from '../../core/errors.ts'
import { credentialsIn, type UiaStage } from '../../domain/accounts/uia.ts'
import { type Call, endpoint } from '../endpoint.ts'
import type { Services } from '../services.ts'
import { authData } from './auth-data.ts'
import { sessionAnswer, sessionOptions, sessionShape } from './session.ts'

const registerBody = z
  .object({
    type: z.string().nullish(),
    auth: authData,
    username: z.string().nullish(),
    password: z.string().nullish(),
    inhibit_login: z.boolean().nullish(),
    ...sessionShape,
  })
  .prefault({})

type RegisterCall = Call<'/register', 'optional', unknown, z.output<typeof registerBody>>

function flowOf({ mode, terms, email }: Config['registration']): readonly UiaStage[] {
  const stages: UiaStage[] = mode === 'invite' ? ['m.login.registration_token'] : []
  if (terms.length > 0) stages.push('m.login.terms')
  if (email === 'required') stages.push('m.login.email.identity')
  return stages.length > 0 ? stages : ['m.login.dummy']
}

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register */
const register = endpoint({
  method: 'POST',
  path: '/register',
  since: ['r0', 'v3'],
  auth: 'optional',
  asUser: false,
  limit: 'register',
  whileSuspended: true,
  query: z.object({ kind: z.enum(['user', 'guest']).optional() }),
  body: registerBody,
  handle: async (call, services) => {
    if (call.query.kind === 'guest') throw refuse(403, 'M_GUEST_ACCESS_FORBIDDEN', 'There are no guests on this server')
    if (call.body.type === 'm.login.application_service') return await registerByAppservice(call, services)
    return await registerByPerson(call, services)
  },
})

async function registerByPerson(call: RegisterCall, services: Services) {
  const { config, registration, threePids, uia } = services
  if (config.registration.mode === 'closed')
    throw forbidden('Registration is closed: ask the administrator of this server')
  const { username, password, auth } = call.body
  // Before the stages, so that nobody passes them in vain.
  const userId = username ? await registration.checkAvailable(username) : registration.makeUpUserId()
  if (auth?.type !== undefined && typeof password !== 'string') throw missingParam("'password' is missing")
  const nobody = { ...call, who: undefined }
  const passed = await uia.require(nobody, {
    flows: [flowOf(config.registration)],
    bindsBody: false,
    purpose: 'register',
  })
  if (typeof password !== 'string') throw missingParam("'password' is missing")
  const answer = await finish(call, registration, {
    userId,
    displayname: username ?? undefined,
    password,
    registrationToken: passed['m.login.registration_token'],
    acceptedTerms: passed['m.login.terms'],
  })
  const proof = credentialsIn(passed)
  if (proof) await threePids.add(userId, proof, 'register')
  return answer
}

/** https://spec.matrix.org/v1.19/application-service-api/#server-admin-style-permissions */
async function registerByAppservice(call: RegisterCall, { registration, appservices }: Services) {
  const appservice = call.who?.appserviceId === undefined ? undefined : appservices.find(call.who.appserviceId)
  if (!appservice) throw unknownToken({ soft: false })
  const { username } = call.body
  if (!username) throw missingParam("'username' is missing")
  const userId = await registration.checkAvailable(username, appservice)
  return await finish(call, registration, { userId, appservice })
}

async function finish(
  call: RegisterCall,
  registration: Services['registration'],
  user: Parameters<Services['registration']['register']>[0],
) {
  const wantsSession = call.body.inhibit_login !== true
  const opened = await registration.register({ ...user, session: wantsSession ? sessionOptions(call) : undefined })
  return opened ? sessionAnswer(opened) : { user_id: user.userId }
}

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3registeravailable */
const registerAvailable = endpoint({
  method: 'GET',
  path: '/register/available',
  since: ['r0', 'v3'],
  auth: 'none',
  limit: 'read',
  query: z.object({ username: z.string() }),
  handle: async ({ query }, { config, registration }) => {
    if (config.registration.mode === 'closed') throw forbidden('Registration is closed')
    await registration.checkAvailable(query.username)
    return { available: true }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1registermloginregistration_tokenvalidity */
const registrationTokenValidity = endpoint({
  method: 'GET',
  path: '/register/m.login.registration_token/validity',
  since: ['v1'],
  auth: 'none',
  limit: 'register',
  query: z.object({ token: z.string() }),
  handle: async ({ query }, { config, registrationTokens }) => {
    if (config.registration.mode !== 'invite') throw forbidden('Registration tokens are not in use on this server')
    return { valid: await registrationTokens.isValid(query.token) }
  },
})

export const registerEndpoints = [register, registerAvailable, registrationTokenValidity]
