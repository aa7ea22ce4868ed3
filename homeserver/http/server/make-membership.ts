/** Templates for those who want in or out. https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1make_joinroomiduserid */
import { roomIdOf } from '../client/path-ids.ts'
import { endpoint } from '../endpoint.ts'
import { queryList } from '../query-list.ts'

const asked = { method: 'GET', auth: 'server', limit: 'federation' } as const

const makeJoin = endpoint({
  ...asked,
  path: '/_matrix/federation/v1/make_join/:roomId/:userId',
  handle: async ({ who, params, request }, { templates }) => {
    const versions = queryList(request, 'ver')
    return await templates.make('join', { ...who, userId: params.userId, roomId: roomIdOf(params), versions })
  },
})

const makeKnock = endpoint({
  ...asked,
  path: '/_matrix/federation/v1/make_knock/:roomId/:userId',
  also: ['/_matrix/federation/unstable/xyz.amorgan.knock/make_knock/:roomId/:userId'],
  handle: async ({ who, params, request }, { templates }) => {
    const versions = queryList(request, 'ver')
    return await templates.make('knock', { ...who, userId: params.userId, roomId: roomIdOf(params), versions })
  },
})

const makeLeave = endpoint({
  ...asked,
  path: '/_matrix/federation/v1/make_leave/:roomId/:userId',
  handle: async ({ who, params }, { templates }) =>
    await templates.make('leave', { ...who, userId: params.userId, roomId: roomIdOf(params) }),
})

export const makeMembershipEndpoints = [makeJoin, makeKnock, makeLeave]
