/** What other servers may ask about what is here. https://spec.matrix.org/v1.19/server-server-api/#querying-for-information */
import { z } from 'zod'
import { invalidParam, notFound } from '../../core/errors.ts'
import { isRoomAlias, isUserId, serverNameOf } from '../../core/ids.ts'
import { endpoint } from '../endpoint.ts'

const queryProfile = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/query/profile',
  auth: 'server',
  limit: 'federation',
  query: z.object({ user_id: z.string(), field: z.string().optional() }),
  handle: async ({ query: { user_id: userId, field } }, { profiles, config }) => {
    if (!isUserId(userId) || serverNameOf(userId) !== config.server_name) {
      throw invalidParam(`${userId} is not a user of this server`)
    }
    const profile = await profiles.get(userId)
    if (field === undefined) return profile
    return Object.hasOwn(profile, field) ? { [field]: profile[field] } : {}
  },
})

const queryDirectory = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/query/directory',
  auth: 'server',
  limit: 'federation',
  query: z.object({ room_alias: z.string() }),
  handle: async ({ query: { room_alias: alias } }, { directory, config }) => {
    if (!isRoomAlias(alias) || serverNameOf(alias) !== config.server_name) {
      throw invalidParam(`${alias} is not an alias of this server`)
    }
    const found = await directory.resolve(alias)
    if (!found) throw notFound('There is no such alias')
    return { room_id: found.roomId, servers: found.servers }
  },
})

export const queryEndpoints = [queryProfile, queryDirectory]
