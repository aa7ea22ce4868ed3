/** https://spec.matrix.org/v1.19/client-server-api/#room-tagging */
import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import type { Json } from '../../core/event.ts'
import { fitsId } from '../../core/ids.ts'
import { endpoint } from '../endpoint.ts'
import { ownUserId, roomIdOf } from './path-ids.ts'

const one = '/user/:userId/rooms/:roomId/tags/:tag'

function tagOf({ tag }: { readonly tag: string }): string {
  if (!fitsId(tag)) throw invalidParam('A tag may have 255 bytes')
  return tag
}

const listTags = endpoint({
  method: 'GET',
  path: '/user/:userId/rooms/:roomId/tags',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  handle: async ({ params, who }, { tags }) => ({ tags: await tags.list(ownUserId(params, who), roomIdOf(params)) }),
})

const setTag = endpoint({
  method: 'PUT',
  path: one,
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'write',
  whileSuspended: true,
  body: z.object({ order: z.number().optional() }).catchall(z.custom<Json>()),
  handle: async ({ params, who, body }, { tags }) => {
    await tags.set(ownUserId(params, who), roomIdOf(params), tagOf(params), body)
    return {}
  },
})

const deleteTag = endpoint({
  method: 'DELETE',
  path: one,
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'write',
  whileSuspended: true,
  handle: async ({ params, who }, { tags }) => {
    await tags.delete(ownUserId(params, who), roomIdOf(params), tagOf(params))
    return {}
  },
})

export const tagEndpoints = [listTags, setTag, deleteTag]
