/** Registration by a shared secret, as Synapse's tool `register_new_matrix_user` does it. */
import { z } from 'zod'
import { forbidden } from '../../core/errors.ts'
import { sessionAnswer } from '../client/session.ts'
import { endpoint } from '../endpoint.ts'
import { isPublic } from '../local-network.ts'

const path = '/_synapse/admin/v1/register'

const registerNonce = endpoint({
  method: 'GET',
  path,
  auth: 'none',
  limit: 'admin',
  handle: ({ ip }, { sharedSecret }) => {
    refusePublic(ip)
    return { nonce: sharedSecret.newNonce() }
  },
})

const registerBySecret = endpoint({
  method: 'POST',
  path,
  auth: 'none',
  limit: 'admin',
  body: z.object({
    nonce: z.string(),
    username: z.string().min(1),
    displayname: z.string().nullish(),
    password: z.string().min(1),
    admin: z.boolean().default(false),
    user_type: z.string().nullish(),
    mac: z.string(),
    inhibit_login: z.boolean().default(false),
  }),
  handle: async ({ body, ip, request }, { sharedSecret, registration }) => {
    refusePublic(ip)
    const { username, password, admin, user_type: userType } = body
    sharedSecret.check({ ...body, userType: userType ?? undefined })
    const userId = await registration.checkAvailable(username)
    const opened = await registration.register({
      userId,
      displayname: body.displayname ?? username,
      password,
      isAdmin: admin,
      session: body.inhibit_login ? undefined : { ip, userAgent: request.headers['user-agent'] },
    })
    return opened ? sessionAnswer(opened) : { user_id: userId }
  },
})

/** Who may use it sits at the machine, or in its network. */
function refusePublic(ip: string): void {
  if (isPublic(ip)) throw forbidden('Registration by shared secret is for the local network only')
}

export const adminRegisterEndpoints = [registerNonce, registerBySecret]
