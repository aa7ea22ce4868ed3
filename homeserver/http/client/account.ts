import { z } from 'zod'
import { forbidden } from '../../core/errors.ts'
import type { Requester } from '../../domain/accounts/requester.ts'
import { endpoint } from '../endpoint.ts'
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
  auth: 'user',
  limit: 'login',
  whileSuspended: true,
  body: z.object({ new_password: z.string(), logout_devices: z.boolean().default(true), auth: authData }),
  handle: async (call, { accounts, uia }) => {
    refuseAppservice(call.who)
    await uia.require(call)
    const { body, who } = call
    const own = who.deviceId === undefined ? [] : [who.deviceId]
    await accounts.setPassword(who.userId, body.new_password, { keep: body.logout_devices ? own : 'all' })
    return {}
  },
})

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

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3account3pid */
const thirdPartyIds = endpoint({
  method: 'GET',
  path: '/account/3pid',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  handle: () => ({ threepids: [] }), // `m.3pid_changes` in the capabilities says that none can be added
})

/** https://spec.matrix.org/v1.19/application-service-api/#identity-assertion leaves the account itself to its owner. */
function refuseAppservice({ appserviceId }: Requester): void {
  if (appserviceId !== undefined) throw forbidden('An application service cannot do this for its users')
}

export const accountEndpoints = [whoami, changePassword, deactivate, thirdPartyIds]
