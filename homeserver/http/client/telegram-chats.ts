/** Ours: which chats of Telegram are rooms. What the bridge refuses says why in `org.domovoi.reason`. */
import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import { isRoomId } from '../../core/ids.ts'
import { joinBody, portalStateBody } from '../../core/telegram-chats.ts'
import { endpoint } from '../endpoint.ts'
import { limit } from './paging.ts'
import { roomIdOf } from './path-ids.ts'

const path = '/_domovoi/client/v1/telegram'
const ofUser = { auth: 'user', limit: 'read' } as const
const defaultLimit = 100
const maxLimit = 1000

/** Those in which the bot is and that the user runs; all, for admins of the bridge. */
const chats = endpoint({
  ...ofUser,
  method: 'GET',
  path: `${path}/chats`,
  handle: async ({ who }, { telegramChats }) => await telegramChats.chats({ who }),
})

const portals = endpoint({
  ...ofUser,
  method: 'GET',
  path: `${path}/portals`,
  handle: async ({ who }, { telegramChats }) => await telegramChats.portals({ who }),
})

const join = endpoint({
  method: 'POST',
  path: `${path}/portals`,
  auth: 'user',
  limit: 'createRoom',
  body: joinBody.pick({ chat_id: true, room_id: true, force: true }),
  handle: async ({ who, body: { chat_id: chatId, room_id: roomId, force: isForced } }, { telegramChats }) => {
    if (roomId !== undefined && !isRoomId(roomId)) throw invalidParam("'room_id' is not a room id")
    return await telegramChats.join({ who }, { chatId, roomId, isForced })
  },
})

const end = endpoint({
  method: 'DELETE',
  path: `${path}/portals/:roomId`,
  auth: 'user',
  limit: 'write',
  handle: async ({ who, params }, { telegramChats }) => {
    await telegramChats.end({ who }, roomIdOf(params))
    return {}
  },
})

const setState = endpoint({
  method: 'PUT',
  path: `${path}/portals/:roomId/state`,
  auth: 'user',
  limit: 'write',
  body: portalStateBody.pick({ state: true }),
  handle: async ({ who, params, body: { state } }, { telegramChats }) => {
    await telegramChats.setState({ who }, roomIdOf(params), state)
    return {}
  },
})

const retry = endpoint({
  method: 'POST',
  path: `${path}/portals/:roomId/retry`,
  auth: 'user',
  limit: 'write',
  handle: async ({ who, params }, { telegramChats }) => await telegramChats.retry({ who }, roomIdOf(params)),
})

/** For admins of the bridge. */
const audit = endpoint({
  ...ofUser,
  method: 'GET',
  path: `${path}/audit`,
  query: z.object({ limit }),
  handle: async ({ who, query: { limit: most = defaultLimit } }, { telegramChats }) =>
    await telegramChats.audit({ who }, Math.max(1, Math.min(most, maxLimit))),
})

export const telegramChatsEndpoints = [chats, portals, join, end, setState, retry, audit]
