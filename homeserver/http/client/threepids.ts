/** E-mail addresses and telephone numbers. https://spec.matrix.org/v1.19/client-server-api/#adding-account-administrative-contact-information */
import { z } from 'zod'
import { forbidden, refuse } from '../../core/errors.ts'
import { emailAddress, phoneNumber } from '../../domain/accounts/threepids/addresses.ts'
import type { Purpose, ThreePid } from '../../domain/accounts/threepids/validations.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import type { Services } from '../services.ts'
import { authData } from './auth-data.ts'

const asking = {
  client_secret: z.string(),
  send_attempt: z.coerce.number().int().min(0).max(1_000),
  next_link: z.string().nullish(),
}
const emailRequest = z.looseObject({ ...asking, email: z.string() })
const phoneRequest = z.looseObject({ ...asking, country: z.string(), phone_number: z.string() })
const credentials = { sid: z.string(), client_secret: z.string() }
const named = z.looseObject({ medium: z.enum(['email', 'msisdn']), address: z.string() })

const submitPath = '/_domovoi/msisdn/submit_token'

async function ask(
  services: Services,
  purpose: Purpose,
  threePid: ThreePid,
  { client_secret: clientSecret, send_attempt: sendAttempt, next_link: nextLink }: z.output<typeof emailRequest>,
): Promise<object> {
  if (purpose === 'register' && services.config.registration.mode === 'closed')
    throw forbidden('Registration is closed')
  const request = { ...threePid, purpose, clientSecret, sendAttempt, nextLink: nextLink ?? undefined }
  return { sid: await services.validations.request(request) }
}

/** The requests of one purpose: both paths are without a session where nobody has one yet. */
function requestsOf(purpose: Purpose, path: string): Endpoint[] {
  const common = { method: 'POST', since: ['r0', 'v3'], auth: 'none', limit: 'register' } as const
  const byEmail = endpoint({
    ...common,
    path: `${path}/email/requestToken`,
    body: emailRequest,
    handle: async ({ body }, services) => {
      if (!services.mailer.isOn) throw unsupported('This server sends no e-mail')
      return await ask(services, purpose, emailAddress(body.email), body)
    },
  })
  const byPhone = endpoint({
    ...common,
    path: `${path}/msisdn/requestToken`,
    body: phoneRequest,
    handle: async ({ body }, services) => {
      if (!services.sms.isOn) throw unsupported('This server sends no text messages')
      const number = await phoneNumber(body.country, body.phone_number)
      const answer = await ask(services, purpose, number, { ...body, email: '' })
      const submitUrl = services.config.public_url + submitPath
      return { ...answer, msisdn: number.address, intl_fmt: `+${number.address}`, submit_url: submitUrl }
    },
  })
  return [byEmail, byPhone]
}

/** Where a client brings the code of a text message. https://spec.matrix.org/v1.19/identity-service-api/#post_matrixidentityv2validatemsisdnsubmittoken */
const submitCode = endpoint({
  method: 'POST',
  path: submitPath,
  auth: 'none',
  limit: 'login',
  body: z.looseObject({ ...credentials, token: z.string() }),
  handle: async ({ body }, { validations }) => ({
    success: await validations.byCode({ sid: body.sid, clientSecret: body.client_secret }, body.token),
  }),
})

const list = endpoint({
  method: 'GET',
  path: '/account/3pid',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  handle: async ({ who }, { threePids }) => ({
    threepids: (await threePids.list(who.userId)).map(({ medium, address, validatedTs, addedTs }) => ({
      medium,
      address,
      validated_at: validatedTs,
      added_at: addedTs,
    })),
  }),
})

const writing = { method: 'POST', since: ['r0', 'v3'], auth: 'user', limit: 'login' } as const

const add = endpoint({
  ...writing,
  path: '/account/3pid/add',
  body: z.looseObject({ ...credentials, auth: authData }),
  handle: async (call, { threePids, uia }) => {
    await uia.require(call)
    const { sid, client_secret: clientSecret } = call.body
    await threePids.add(call.who.userId, { sid, clientSecret })
    return {}
  },
})

/** Deprecated: the same without a password. */
const addOld = endpoint({
  ...writing,
  path: '/account/3pid',
  body: z.looseObject({ three_pid_creds: z.looseObject(credentials), auth: authData }),
  handle: async (call, { threePids, uia }) => {
    await uia.require(call)
    const { sid, client_secret: clientSecret } = call.body.three_pid_creds
    await threePids.add(call.who.userId, { sid, clientSecret })
    return {}
  },
})

const remove = endpoint({
  ...writing,
  path: '/account/3pid/delete',
  body: named,
  handle: async ({ who, body: { medium, address } }, { threePids }) => {
    await threePids.remove(who.userId, medium === 'email' ? emailAddress(address) : { medium, address })
    return { id_server_unbind_result: 'success' } // nothing was bound
  },
})

const bind = endpoint({
  ...writing,
  path: '/account/3pid/bind',
  body: z.looseObject(credentials),
  handle: () => {
    throw unsupported('This server works with no identity server')
  },
})

const unbind = endpoint({
  ...writing,
  path: '/account/3pid/unbind',
  body: named,
  handle: () => ({ id_server_unbind_result: 'no-support' }),
})

const unsupported = (message: string) => refuse(400, 'M_THREEPID_MEDIUM_NOT_SUPPORTED', message)

export const threePidEndpoints = [
  ...requestsOf('register', '/register'),
  ...requestsOf('password', '/account/password'),
  ...requestsOf('add', '/account/3pid'),
  submitCode,
  list,
  add,
  addOld,
  remove,
  bind,
  unbind,
]
