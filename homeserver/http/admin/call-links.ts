/** Ours: links by which guests come into calls, of all rooms. */
import { z } from 'zod'
import { isRoomId, type RoomId } from '../../core/ids.ts'
import { userId } from '../client/body-ids.ts'
import { linkOptions, shownLink } from '../client/call-links.ts'
import { callsOf } from '../client/rtc.ts'
import { endpoint } from '../endpoint.ts'

const common = { auth: 'admin', limit: 'admin' } as const
const path = '/_domovoi/admin/v1/call_links'

const list = endpoint({
  ...common,
  method: 'GET',
  path,
  handle: async (_, services) => {
    const links = await callsOf(services).links.listAll()
    return { call_links: links.map((link) => shownLink(link, services.config.public_url)) }
  },
})

/** As the link of a user of this server, who must be one to invite to the room. */
const create = endpoint({
  ...common,
  method: 'POST',
  path,
  body: linkOptions.extend({
    room_id: z.string().pipe(z.custom<RoomId>(isRoomId, { error: 'not a room id' })),
    user_id: userId,
  }),
  handle: async ({ body: { room_id: roomId, user_id: inviter, expires_in_ms: life, uses } }, services) =>
    shownLink(await callsOf(services).links.create(inviter, roomId, { life, uses }), services.config.public_url),
})

const remove = endpoint({
  ...common,
  method: 'DELETE',
  path: `${path}/:token`,
  handle: async ({ params }, services) => {
    await callsOf(services).guests.revoke(params.token)
    return {}
  },
})

export const adminCallLinkEndpoints = [list, create, remove]
