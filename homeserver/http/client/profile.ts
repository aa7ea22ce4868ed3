import { z } from 'zod'
import { forbidden, missingParam, notFound } from '../../core/errors.ts'
import type { Json } from '../../core/event.ts'
import { isUserId, type UserId } from '../../core/ids.ts'
import type { Requester } from '../../domain/accounts/requester.ts'
import { endpoint } from '../endpoint.ts'

const unstable = '/_matrix/client/unstable/uk.tcpip.msc4133'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuserid */
const getProfile = endpoint({
  method: 'GET',
  path: '/profile/:userId',
  since: ['r0', 'v3'],
  also: [`${unstable}/profile/:userId`],
  auth: 'none',
  limit: 'read',
  handle: async ({ params }, { profiles }) => await profiles.get(params.userId),
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuseridkeyname */
const getProfileField = endpoint({
  method: 'GET',
  path: '/profile/:userId/:key',
  since: ['r0', 'v3'],
  also: [`${unstable}/profile/:userId/:key`],
  auth: 'none',
  limit: 'read',
  handle: async ({ params }, { profiles }) => {
    const profile = await profiles.get(params.userId)
    if (!Object.hasOwn(profile, params.key)) throw notFound('The profile has no such field')
    return { [params.key]: profile[params.key] }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3profileuseridkeyname */
const setProfileField = endpoint({
  method: 'PUT',
  path: '/profile/:userId/:key',
  since: ['r0', 'v3'],
  also: [`${unstable}/profile/:userId/:key`],
  auth: 'user',
  limit: 'write',
  body: z.record(z.string(), z.unknown()),
  handle: async ({ params, who, body }, { profiles }) => {
    const userId = ownId(who, params.userId)
    if (!Object.hasOwn(body, params.key)) throw missingParam(`'${params.key}' is missing`)
    await profiles.set(who, userId, params.key, body[params.key] as Json) // from a JSON body
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3profileuseridkeyname */
const deleteProfileField = endpoint({
  method: 'DELETE',
  path: '/profile/:userId/:key',
  since: ['v3'],
  also: [`${unstable}/profile/:userId/:key`],
  auth: 'user',
  limit: 'write',
  handle: async ({ params, who }, { profiles }) => {
    await profiles.set(who, ownId(who, params.userId), params.key, undefined)
    return {}
  },
})

function ownId(who: Requester, userId: string): UserId {
  if (!isUserId(userId) || userId !== who.userId) throw forbidden("You cannot change another user's profile")
  return userId
}

export const profileEndpoints = [getProfile, getProfileField, setProfileField, deleteProfileField]
