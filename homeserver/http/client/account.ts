import { z } from 'zod'
import { forbidden, refuse } from '../../core/errors.ts'
import type { UserId } from '../../core/ids.ts'
import type { Requester } from '../../domain/accounts/requester.ts'
import { credentialsIn, type UiaCall } from '../../domain/accounts/uia.ts'
import { endpoint } from '../endpoint.ts'
import type { Services } from '../services.ts'
import { authData } from './auth-data.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3accountwhoami */
const whoami = endpoint({
  method: 'GET',
  path: '/account/whoami',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  handle: ({ who }) => ({
    user_id: who.userId,
    is_guest: who.isGuest,
    ...(who.deviceId === undefined ? {} : { device_id: who.deviceId }),
  }),
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpassword */
const changePassword = endpoint({
  method: 'POST',
  path: '/account/password',
  since: ['r0', 'v3'],
  auth: 'optional',
  limit: 'login',
  whileSuspended: true,
  body: z.object({ new_password: z.string(), logout_devices: z.boolean().default(true), auth: authData }),
  handle: async (call, services) => {
    const { accounts, threePids } = services
    const { body, who } = call
    const userId = who ? await whoKnowsPassword({ ...call, who }, services) : await whoReadsMail(call, services)
    const own = who?.deviceId === undefined ? [] : [who.deviceId]
    await accounts.setPassword(userId, body.new_password, { keep: body.logout_devices ? own : 'all' })
    await threePids.passwordChanged(userId)
    return {}
  },
})

async function whoKnowsPassword(call: UiaCall & { readonly who: Requester }, { uia }: Services): Promise<UserId> {
  refuseAppservice(call.who)
  await uia.require(call)
  return call.who.userId
}

/** Who has forgotten the password proves to read what is sent to an address of the account. */
async function whoReadsMail(call: UiaCall, { uia, threePids, validations }: Services): Promise<UserId> {
  const purpose = 'password'
  const completed = await uia.require(call, { flows: [['m.login.email.identity'], ['m.login.msisdn']], purpose })
  const credentials = credentialsIn(completed)
  const proof = credentials && (await validations.proved(credentials, purpose))
  const userId = proof && (await threePids.ownerOf(proof))
  if (!userId) throw refuse(400, 'M_THREEPID_NOT_FOUND', 'This address belongs to no account')
  await validations.useUp(proof.sid)
  return userId
}

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate */
const deactivate = endpoint({
  method: 'POST',
  path: '/account/deactivate',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'login',
  whileSuspended: true,
  body: z.object({ erase: z.boolean().default(false), auth: authData }).prefault({}),
  handle: async (call, { deactivation, uia }) => {
    await uia.require(call)
    await deactivation.deactivate(call.who.userId, { erase: call.body.erase })
    return { id_server_unbind_result: 'success' } // nothing was bound
  },
})

/** https://spec.matrix.org/v1.19/application-service-api/#identity-assertion leaves the account itself to its owner. */
function refuseAppservice({ appserviceId }: Requester): void {
  if (appserviceId !== undefined) throw forbidden('An application service cannot do this for its users')
}

export const accountEndpoints = [whoami, changePassword, deactivate]
