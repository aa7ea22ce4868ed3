/** Ours: the calls of groups, those that go on now and those that were. */
import { z } from 'zod'
import { invalidParam, notFound } from '../../core/errors.ts'
import { isRoomId, isUserId } from '../../core/ids.ts'
import type { LiveCalls } from '../../domain/rtc/live-calls.ts'
import { roomIdOf } from '../client/path-ids.ts'
import { callPage, callPlace } from '../call-page.ts'
import { endpoint } from '../endpoint.ts'
import type { Services } from '../services.ts'
import { limit } from './queries.ts'

const common = { auth: 'admin', limit: 'admin' } as const
const path = '/_domovoi/admin/v1/calls'

const list = endpoint({
  ...common,
  method: 'GET',
  path,
  handle: async (_, services) => ({
    calls: (await liveOf(services).list()).map(({ roomId, slotId, startedTs, participants }) => ({
      room_id: roomId,
      slot_id: slotId,
      started_ts: startedTs ?? null,
      participants: participants.map(({ userId, deviceId, joinedTs, tracks }) => ({
        user_id: userId,
        device_id: deviceId ?? null,
        joined_ts: joinedTs,
        tracks: tracks.map(({ source, codec, isMuted, width, height }) => ({
          source,
          codec,
          muted: isMuted,
          ...(width === undefined ? {} : { width, height }),
        })),
      })),
    })),
  }),
})

const end = endpoint({
  ...common,
  method: 'POST',
  path: `${path}/:roomId/end`,
  handle: async ({ params }, services) => {
    const { participants, left } = await liveOf(services).end(roomIdOf(params))
    return { participants, left }
  },
})

/** The newest first, of everybody or of one room or user. There where there are no calls any more, too. */
const history = endpoint({
  ...common,
  method: 'GET',
  path: `${path}/history`,
  query: z.object({ room_id: z.string().optional(), user_id: z.string().optional(), from: callPlace, limit }),
  handle: async ({ query: { room_id: roomId, user_id: userId, from, limit: most } }, { callHistory }) => {
    if (roomId !== undefined && !isRoomId(roomId)) throw invalidParam("'room_id' is not a room id")
    if (userId !== undefined && !isUserId(userId)) throw invalidParam("'user_id' is not a user id")
    return callPage(await callHistory.list({ roomId, userId, after: from, limit: Math.max(1, most) }))
  },
})

function liveOf({ calls }: Services): LiveCalls {
  if (!calls) throw notFound('Calls of groups are off on this server: see docs/calls.md')
  return calls.live
}

export const adminCallsEndpoints = [list, history, end]
