/** https://spec.matrix.org/v1.19/client-server-api/#presence */
import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import { isUserId } from '../../core/ids.ts'
import { maxStatusLength } from '../../domain/limits.ts'
import { endpoint } from '../endpoint.ts'
import { ownUserId } from './path-ids.ts'

const path = '/presence/:userId/status'

const getPresence = endpoint({
  method: 'GET',
  path,
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  handle: async ({ params: { userId }, who }, { presence }) => {
    if (!isUserId(userId)) throw invalidParam(`'${userId}' is not a user id`)
    return await presence.get(who.userId, userId)
  },
})

const setPresence = endpoint({
  method: 'PUT',
  path,
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'ephemeral',
  whileSuspended: true,
  body: z.object({
    presence: z.enum(['online', 'offline', 'unavailable']),
    status_msg: z.string().max(maxStatusLength).nullish(),
  }),
  handle: async ({ params, who, body: { presence: state, status_msg: statusMsg } }, { presence }) => {
    await presence.set(ownUserId(params, who), who.deviceId, state, statusMsg)
    return {}
  },
})

export const presenceEndpoints = [getPresence, setPresence]
