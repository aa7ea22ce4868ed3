/** https://spec.matrix.org/v1.19/client-server-api/#filtering */
import { endpoint, JsonText } from '../endpoint.ts'
import { jsonObject } from './json-object.ts'
import { ownUserId } from './path-ids.ts'

const addFilter = endpoint({
  method: 'POST',
  path: '/user/:userId/filter',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'write',
  whileSuspended: true,
  body: jsonObject,
  handle: async ({ params, who, body }, { filters }) => ({
    filter_id: await filters.add(ownUserId(params, who), body),
  }),
})

const getFilter = endpoint({
  method: 'GET',
  path: '/user/:userId/filter/:filterId',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  handle: async ({ params, who }, { filters }) =>
    new JsonText(await filters.get(ownUserId(params, who), params.filterId)),
})

export const filterEndpoints = [addFilter, getFilter]
