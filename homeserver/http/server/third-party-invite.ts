/** https://spec.matrix.org/v1.19/server-server-api/#third-party-invites */
import { z } from 'zod'
import type { Json } from '../../core/event.ts'
import { eventContent } from '../client/event-content.ts'
import { roomIdOf } from '../client/path-ids.ts'
import { endpoint } from '../endpoint.ts'

const exchange = endpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/exchange_third_party_invite/:roomId',
  auth: 'server',
  limit: 'federation',
  body: eventContent,
  handle: async ({ who, params, body }, { thirdPartyInvites }) => {
    await thirdPartyInvites.exchange(who.origin, roomIdOf(params), body)
    return {}
  },
})

/** Identity servers do not sign their requests: what counts is the proof in each invitation. */
const onBind = endpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/3pid/onbind',
  auth: 'none',
  limit: 'federation',
  body: z.object({ mxid: z.string(), invites: z.array(z.custom<Json>()) }),
  exactNumbers: true,
  handle: async ({ body: { mxid, invites } }, { thirdPartyInvites }) => {
    await thirdPartyInvites.bound(mxid, invites)
    return {}
  },
})

export const thirdPartyInviteEndpoints = [exchange, onBind]
