/** Users, as Synapse's administration API has them: what Element asks when an administrator looks at somebody. */
import { z } from 'zod'
import { endpoint } from '../endpoint.ts'

const rights = { path: '/_synapse/admin/v1/users/:userId/admin', auth: 'admin', limit: 'admin' } as const

const getAdmin = endpoint({
  ...rights,
  method: 'GET',
  handle: async ({ params }, { moderation }) => ({ admin: (await moderation.get(params.userId)).isAdmin }),
})

const putAdmin = endpoint({
  ...rights,
  method: 'PUT',
  body: z.object({ admin: z.boolean() }),
  handle: async ({ params, who, body }, { moderation }) => {
    await moderation.setAdmin(who, params.userId, body.admin)
    return {}
  },
})

/** The button that Element shows to who got an answer from `getAdmin`. */
const deactivate = endpoint({
  method: 'POST',
  path: '/_synapse/admin/v1/deactivate/:userId',
  auth: 'admin',
  limit: 'admin',
  body: z.object({ erase: z.boolean().default(false) }).prefault({}),
  handle: async ({ params, body }, { moderation }) => {
    await moderation.deactivate(params.userId, { erase: body.erase })
    return { id_server_unbind_result: 'success' } // nothing was bound
  },
})

export const adminUsersEndpoints = [getAdmin, putAdmin, deactivate]
