/** Ours: the calls of groups that go on now. */
import { notFound } from '../../core/errors.ts'
import type { LiveCalls } from '../../domain/rtc/live-calls.ts'
import { roomIdOf } from '../client/path-ids.ts'
import { endpoint } from '../endpoint.ts'
import type { Services } from '../services.ts'

const common = { auth: 'admin', limit: 'admin' } as const
const path = '/_domovoi/admin/v1/calls'

const list = endpoint({
  ...common,
  method: 'GET',
  path,
  handle: async (_, services) => ({
    calls: (await liveOf(services).list()).map(({ roomId, slotId, participants }) => ({
      room_id: roomId,
      slot_id: slotId,
      participants: participants.map(({ userId, deviceId, joinedTs }) => ({
        user_id: userId,
        device_id: deviceId ?? null,
        joined_ts: joinedTs,
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

function liveOf({ calls }: Services): LiveCalls {
  if (!calls) throw notFound('Calls of groups are off on this server: see docs/calls.md')
  return calls.live
}

export const adminCallsEndpoints = [list, end]
