/** Takes the signed events of those who want in or out. https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2send_joinroomideventid */
import { z } from 'zod'
import type { JsonObject } from '../../core/event.ts'
import type { ServerName } from '../../core/ids.ts'
import type { SubmittedEvent } from '../../domain/federation/joining/passages.ts'
import { eventContent } from '../client/event-content.ts'
import { eventIdOf, roomIdOf } from '../client/path-ids.ts'
import { endpoint, JsonText, Reply } from '../endpoint.ts'

const sent = { method: 'PUT', auth: 'server', limit: 'federation', body: eventContent } as const

/** What is common to all of them. */
function submitted(
  { origin }: { readonly origin: ServerName },
  params: { readonly roomId: string; readonly eventId: string },
  json: JsonObject,
): SubmittedEvent {
  return { origin, roomId: roomIdOf(params), eventId: eventIdOf(params), json }
}

const sendJoin = endpoint({
  ...sent,
  path: '/_matrix/federation/v2/send_join/:roomId/:eventId',
  query: z.object({ omit_members: z.string().optional() }),
  handle: async ({ who, params, body, query }, { passages, joinAnswers }) => {
    const { eventId } = await passages.take('join', submitted(who, params, body))
    return jsonPieces(joinAnswers.pieces(eventId, { omitMembers: query.omit_members === 'true' }))
  },
})

const sendJoinV1 = endpoint({
  ...sent,
  path: '/_matrix/federation/v1/send_join/:roomId/:eventId',
  handle: async ({ who, params, body }, { passages, joinAnswers }) => {
    const { eventId } = await passages.take('join', submitted(who, params, body))
    return jsonPieces(asPair(joinAnswers.pieces(eventId, { omitMembers: false })))
  },
})

const sendLeave = endpoint({
  ...sent,
  path: '/_matrix/federation/v2/send_leave/:roomId/:eventId',
  handle: async ({ who, params, body }, { passages }) => {
    await passages.take('leave', submitted(who, params, body))
    return {}
  },
})

const sendLeaveV1 = endpoint({
  ...sent,
  path: '/_matrix/federation/v1/send_leave/:roomId/:eventId',
  handle: async ({ who, params, body }, { passages }) => {
    await passages.take('leave', submitted(who, params, body))
    return new JsonText('[200,{}]')
  },
})

const sendKnock = endpoint({
  ...sent,
  path: '/_matrix/federation/v1/send_knock/:roomId/:eventId',
  also: ['/_matrix/federation/unstable/xyz.amorgan.knock/send_knock/:roomId/:eventId'],
  handle: async ({ who, params, body }, { passages }) => {
    const { roomId } = await passages.take('knock', submitted(who, params, body))
    return { knock_room_state: await passages.stateToTell(roomId) }
  },
})

/** The first version of these endpoints answers with the status, too. */
async function* asPair(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  yield '[200,'
  yield* pieces
  yield ']'
}

function jsonPieces(pieces: AsyncIterable<string>): Reply {
  return new Reply(200, pieces, { 'Content-Type': 'application/json' })
}

export const sendMembershipEndpoints = [sendJoin, sendJoinV1, sendLeave, sendLeaveV1, sendKnock]
