/** Ours: the calls that a user took part in. */
import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import { isRoomId } from '../../core/ids.ts'
import { callPage, callPlace } from '../call-page.ts'
import { endpoint } from '../endpoint.ts'
import { limit } from './paging.ts'

const defaultLimit = 20
const maxLimit = 100

/** The newest first, in rooms that the user is in still: what was in others is no business of theirs any more. */
const list = endpoint({
  method: 'GET',
  path: '/_domovoi/client/v1/calls',
  auth: 'user',
  limit: 'read',
  query: z.object({ room_id: z.string().optional(), from: callPlace, limit }),
  handle: async ({ who: { userId }, query }, { callHistory }) => {
    const { room_id: roomId, from, limit: most = defaultLimit } = query
    if (roomId !== undefined && !isRoomId(roomId)) throw invalidParam("'room_id' is not a room id")
    const within = { roomId, userId, memberId: userId, after: from }
    return callPage(await callHistory.list({ ...within, limit: Math.max(1, Math.min(most, maxLimit)) }))
  },
})

export const ownCallsEndpoints = [list]
