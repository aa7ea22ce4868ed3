/** Invitations of our users. https://spec.matrix.org/v1.19/server-server-api/#inviting-to-a-room */
import { z } from 'zod'
import type { Json } from '../../core/event.ts'
import { isJsonObject } from '../../core/canonical-json.ts'
import { eventContent } from '../client/event-content.ts'
import { eventIdOf, roomIdOf } from '../client/path-ids.ts'
import { endpoint } from '../endpoint.ts'

const sent = { method: 'PUT', auth: 'server', limit: 'federation' } as const

const invite = endpoint({
  ...sent,
  path: '/_matrix/federation/v2/invite/:roomId/:eventId',
  body: z.object({ room_version: z.string(), event: eventContent, invite_room_state: z.custom<Json>().optional() }),
  handle: async ({ who, params, body }, { invites }) => {
    const event = await invites.take({
      ...who,
      roomId: roomIdOf(params),
      eventId: eventIdOf(params),
      roomVersion: body.room_version,
      json: body.event,
      state: body.invite_room_state,
    })
    return { event }
  },
})

/** For rooms of the first two versions, whose events have the same form. */
const inviteV1 = endpoint({
  ...sent,
  path: '/_matrix/federation/v1/invite/:roomId/:eventId',
  body: eventContent,
  handle: async ({ who, params, body }, { invites }) => {
    const { unsigned } = body
    const event = await invites.take({
      ...who,
      roomId: roomIdOf(params),
      eventId: eventIdOf(params),
      roomVersion: '1',
      json: body,
      state: isJsonObject(unsigned) ? unsigned['invite_room_state'] : undefined,
    })
    return [200, { event }]
  },
})

export const serverInviteEndpoints = [invite, inviteV1]
