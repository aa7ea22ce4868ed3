/** https://spec.matrix.org/v1.19/server-server-api/#backfilling-and-retrieving-missing-events */
import { z } from 'zod'
import { type EventId, isEventId } from '../../core/ids.ts'
import { endpoint, JsonText } from '../endpoint.ts'
import { queryList } from '../query-list.ts'

const asked = { auth: 'server', limit: 'federation' } as const

/** Events that one question may name. */
const MAX_NAMED = 4096

const eventId = z.string().refine(isEventId, 'is not an event id') as z.ZodType<EventId>
const eventIds = z.array(eventId).max(MAX_NAMED)
const count = z.coerce.number().int().nonnegative()

/** A transaction of events, which are JSON texts. https://spec.matrix.org/v1.19/server-server-api/#transactions */
function transactionOf(origin: string, now: number, events: readonly string[]): JsonText {
  return new JsonText(`{"origin":${JSON.stringify(origin)},"origin_server_ts":${now},"pdus":[${events.join(',')}]}`)
}

const getEvent = endpoint({
  ...asked,
  method: 'GET',
  path: '/_matrix/federation/v1/event/:eventId',
  handle: async ({ who, params }, { historyAnswers, config, clock }) =>
    transactionOf(config.server_name, clock.now(), [await historyAnswers.event(who.origin, params.eventId)]),
})

const backfill = endpoint({
  ...asked,
  method: 'GET',
  path: '/_matrix/federation/v1/backfill/:roomId',
  query: z.object({ v: eventId, limit: count }),
  handle: async ({ who, params, query: { limit }, request }, { historyAnswers, config, clock }) => {
    const from = queryList(request, 'v').filter(isEventId)
    const events = await historyAnswers.backfill(who.origin, params.roomId, { from, limit })
    return transactionOf(config.server_name, clock.now(), events)
  },
})

const getMissingEvents = endpoint({
  ...asked,
  method: 'POST',
  path: '/_matrix/federation/v1/get_missing_events/:roomId',
  body: z.object({
    latest_events: eventIds,
    earliest_events: eventIds,
    limit: z.int().nonnegative().default(10),
    min_depth: z.int().nonnegative().default(0),
  }),
  handle: async ({ who, params, body }, { historyAnswers }) => {
    const events = await historyAnswers.missing(who.origin, params.roomId, {
      latest: body.latest_events,
      earliest: body.earliest_events,
      limit: body.limit,
      minDepth: body.min_depth,
    })
    return new JsonText(`{"events":[${events.join(',')}]}`)
  },
})

const timestampToEvent = endpoint({
  ...asked,
  method: 'GET',
  path: '/_matrix/federation/v1/timestamp_to_event/:roomId',
  also: ['/_matrix/federation/unstable/org.matrix.msc3030/timestamp_to_event/:roomId'],
  query: z.object({ ts: z.coerce.number().int(), dir: z.enum(['f', 'b']) }),
  handle: async ({ who, params, query }, { historyAnswers }) => {
    const { eventId: id, ts } = await historyAnswers.nearest(who.origin, params.roomId, query)
    return { event_id: id, origin_server_ts: ts }
  },
})

export const federatedHistoryEndpoints = [getEvent, backfill, getMissingEvents, timestampToEvent]
