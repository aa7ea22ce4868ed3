/** Ours: links by which guests come into the call of a room, for those who may invite to it. */
import { z } from 'zod'
import type { CallLink } from '../../domain/rtc/call-links.ts'
import { endpoint } from '../endpoint.ts'
import { roomIdOf } from './path-ids.ts'
import { callsOf } from './rtc.ts'

const path = '/_domovoi/client/v1/rooms/:roomId/call_links'
const common = { path, auth: 'user' } as const

export const linkOptions = z.object({
  expires_in_ms: z.number().int().optional(),
  uses: z.number().int().optional(),
})

const create = endpoint({
  ...common,
  method: 'POST',
  limit: 'invite',
  body: linkOptions.prefault({}),
  handle: async ({ params, who, body: { expires_in_ms: life, uses } }, services) => {
    const link = await callsOf(services).links.create(who.userId, roomIdOf(params), { life, uses })
    return shownLink(link, services.config.public_url)
  },
})

const list = endpoint({
  ...common,
  method: 'GET',
  limit: 'read',
  handle: async ({ params, who }, services) => {
    const links = await callsOf(services).links.list(who.userId, roomIdOf(params))
    return { call_links: links.map((link) => shownLink(link, services.config.public_url)) }
  },
})

/** Those who came by it are out of the call, too. */
const remove = endpoint({
  ...common,
  method: 'DELETE',
  path: `${path}/:token`,
  limit: 'write',
  handle: async ({ params, who }, services) => {
    const { links, guests } = callsOf(services)
    await links.checkRemover(who.userId, roomIdOf(params), params.token)
    await guests.revoke(params.token)
    return {}
  },
})

export const shownLink = (link: CallLink, publicUrl: string) => ({
  token: link.token,
  url: `${publicUrl}/call/${link.token}`,
  room_id: link.room_id,
  user_id: link.user_id,
  created_ts: link.created_ts,
  expires_ts: link.expires_ts,
  uses_allowed: link.uses_allowed,
  uses: link.uses,
})

export const callLinkEndpoints = [create, list, remove]
