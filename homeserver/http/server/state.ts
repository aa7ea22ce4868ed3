/** https://spec.matrix.org/v1.19/server-server-api/#retrieving-a-snapshot-of-room-state */
import { z } from 'zod'
import { endpoint, Reply } from '../endpoint.ts'

const asked = { method: 'GET', auth: 'server', limit: 'federation' } as const
const query = z.object({ event_id: z.string() })

const getState = endpoint({
  ...asked,
  path: '/_matrix/federation/v1/state/:roomId',
  query,
  handle: async ({ who, params, query: { event_id: eventId } }, { stateAnswers }) =>
    jsonPieces(await stateAnswers.state(who.origin, params.roomId, eventId)),
})

const getStateIds = endpoint({
  ...asked,
  path: '/_matrix/federation/v1/state_ids/:roomId',
  query,
  handle: async ({ who, params, query: { event_id: eventId } }, { stateAnswers }) =>
    await stateAnswers.stateIds(who.origin, params.roomId, eventId),
})

const getEventAuth = endpoint({
  ...asked,
  path: '/_matrix/federation/v1/event_auth/:roomId/:eventId',
  handle: async ({ who, params }, { stateAnswers }) =>
    jsonPieces(await stateAnswers.authChain(who.origin, params.roomId, params.eventId)),
})

function jsonPieces(pieces: AsyncIterable<string>): Reply {
  return new Reply(200, pieces, { 'Content-Type': 'application/json' })
}

export const federatedStateEndpoints = [getState, getStateIds, getEventAuth]
