import { missingParam } from '../../core/errors.ts'
import { z } from 'zod'
import { endpoint } from '../endpoint.ts'
import { noThirdPartyInvites } from './create-room.ts'
import { roomIdOf } from './path-ids.ts'
import { targetAndReason } from './reason.ts'

/** Somebody is invited by user id, or by an address in some medium. */
const body = targetAndReason.partial({ user_id: true }).extend({ medium: z.string().optional() })

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidinvite */
const invite = endpoint({
  method: 'POST',
  path: '/rooms/:roomId/invite',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'invite',
  body,
  handle: async ({ params, who, body: { user_id: target, medium, ...more } }, { memberships }) => {
    if (target === undefined) throw medium === undefined ? missingParam("'user_id' is missing") : noThirdPartyInvites()
    await memberships.invite(who, roomIdOf(params), target, more)
    return {}
  },
})

export const inviteEndpoints = [invite]
