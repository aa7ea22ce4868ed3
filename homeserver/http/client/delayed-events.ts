/** Events to be sent later. https://github.com/matrix-org/matrix-spec-proposals/pull/4140 */
import { z } from 'zod'
import { invalidParam, MatrixError, missingParam, notFound, refuse } from '../../core/errors.ts'
import type { Requester } from '../../domain/accounts/requester.ts'
import type { DelayedEvent, DelayedEventRequest, DelayedEvents } from '../../domain/rtc/delayed-events.ts'
import { endpoint } from '../endpoint.ts'
import type { Services } from '../services.ts'
import { eventContent } from './event-content.ts'
import { roomIdOf } from './path-ids.ts'
import { sendingQuery } from './sending-query.ts'

const unstable = '/_matrix/client/unstable/org.matrix.msc4140'
const pageSize = 100

/** What clients of `delay` in the query of an ordinary request look for when the delay is too long. */
export async function scheduleByQuery(
  who: Requester,
  request: DelayedEventRequest,
  { delayedEvents }: Pick<Services, 'delayedEvents'>,
): Promise<{ readonly delay_id: string }> {
  const message = 'The delay is too long'
  const delayId = await translating(delayedEvents.schedule(who, request), 'M_MAX_DELAY_EXCEEDED', ({ extra }) =>
    refuse(400, 'M_UNKNOWN', message, {
      'org.matrix.msc4140.errcode': 'M_MAX_DELAY_EXCEEDED',
      'org.matrix.msc4140.max_delay': extra['max_delay'],
      max_delay: extra['max_delay'],
    }),
  )
  return { delay_id: delayId }
}

async function translating<T>(
  asked: Promise<T>,
  errcode: string,
  translate: (error: MatrixError) => MatrixError,
): Promise<T> {
  try {
    return await asked
  } catch (error) {
    throw error instanceof MatrixError && error.errcode === errcode ? translate(error) : error
  }
}

const scheduling = {
  method: 'PUT',
  auth: 'user',
  limit: 'message',
  query: sendingQuery,
  body: z.object({ delay: z.unknown(), state_key: z.string().optional(), content: eventContent }),
  exactNumbers: true,
} as const
const schedulingPath = '/rooms/:roomId/delayed_event/:eventType/:txnId'

interface SchedulingCall {
  readonly params: { readonly roomId: string; readonly eventType: string; readonly txnId: string }
  readonly who: Requester
  readonly query: z.output<typeof sendingQuery>
  readonly body: z.output<(typeof scheduling)['body']>
}

async function schedule({ params, who, query, body }: SchedulingCall, { delayedEvents }: Services): Promise<string> {
  if (body.delay === undefined) throw missingParam("'delay' is missing")
  if (typeof body.delay !== 'number') throw invalidParam("'delay' must be a whole number of milliseconds")
  return await delayedEvents.schedule(who, {
    roomId: roomIdOf(params),
    type: params.eventType,
    stateKey: body.state_key,
    content: body.content,
    delay: body.delay,
    stickyDuration: query.stickyDuration,
    transactionId: params.txnId,
  })
}

const scheduleEvent = endpoint({
  ...scheduling,
  path: schedulingPath,
  since: ['v3'],
  handle: async (call, services) => ({ delay_id: await schedule(call, services) }),
})

const scheduleEventUnstably = endpoint({
  ...scheduling,
  path: `${unstable}${schedulingPath}`,
  handle: async (call, services) => ({
    delay_id: await translating(schedule(call, services), 'M_MAX_DELAY_EXCEEDED', ({ message, extra }) =>
      refuse(400, 'ORG.MATRIX.MSC4140_MAX_DELAY_EXCEEDED', message, extra),
    ),
  }),
})

/** A token only tells whose rate limit counts: whoever knows the id may do it. */
const managing = { method: 'POST', auth: 'optional', limit: 'delayed', whileSuspended: true } as const
const actions = ['cancel', 'restart', 'send'] as const

const manage = actions.map((action) =>
  endpoint({
    ...managing,
    path: `/delayed_events/:delayId/${action}`,
    since: ['v1'],
    handle: async ({ params }, { delayedEvents }) => {
      await delayedEvents[action](params.delayId)
      return {}
    },
  }),
)

const manageUnstably = actions.map((action) =>
  endpoint({
    ...managing,
    path: `${unstable}/delayed_events/:delayId/${action}`,
    handle: async ({ params }, { delayedEvents }) => await manageAsEver(delayedEvents, params.delayId, action),
  }),
)

/** The form that came first. */
const update = endpoint({
  ...managing,
  path: `${unstable}/delayed_events/:delayId`,
  body: z.object({ action: z.unknown().optional() }).prefault({}),
  handle: async ({ params, body }, { delayedEvents }) => {
    if (body.action === undefined) throw missingParam("'action' is missing")
    const action = actions.find((name) => name === body.action)
    if (!action) throw invalidParam(`'action' must be one of ${actions.join(', ')}`)
    return await manageAsEver(delayedEvents, params.delayId, action)
  },
})

/** Clients of the unstable paths understand only that the event is not there: by a 409 they would give up the call. */
async function manageAsEver(
  delayedEvents: DelayedEvents,
  delayId: string,
  action: (typeof actions)[number],
): Promise<Record<string, never>> {
  try {
    await delayedEvents[action](delayId)
    return {}
  } catch (error) {
    throw error instanceof MatrixError && error.status === 409 ? notFound(error.message) : error
  }
}

const listEvents = endpoint({
  method: 'GET',
  path: '/delayed_events',
  since: ['v1'],
  also: [`${unstable}/delayed_events`],
  auth: 'user',
  limit: 'read',
  query: z.object({
    status: z.enum(['scheduled', 'finalised']).default('scheduled'),
    from: z
      .string()
      .regex(/^\d{1,15}_[\w-]{1,64}$/, { error: 'not a place that was given here' })
      .optional(),
  }),
  handle: async ({ who, query }, { delayedEvents }) => {
    if (query.status === 'scheduled') return { delayed_events: (await delayedEvents.scheduled(who.userId)).map(told) }
    const [ts = '', ...id] = query.from?.split('_') ?? []
    const before = query.from === undefined ? undefined : { ts: Number(ts), delayId: id.join('_') }
    const rows = await delayedEvents.finalised(who.userId, { before, limit: pageSize })
    const last = rows.length === pageSize ? rows.at(-1) : undefined
    return {
      delayed_events: rows.map(told),
      ...(last ? { next_batch: `${last.finalised_ts}_${last.delay_id}` } : {}),
    }
  },
})

const getEvent = endpoint({
  method: 'GET',
  path: '/delayed_events/:delayId',
  since: ['v1'],
  also: [`${unstable}/delayed_events/:delayId`],
  auth: 'user',
  limit: 'read',
  handle: async ({ params, who }, { delayedEvents }) => {
    const row = await delayedEvents.find(params.delayId)
    if (row?.user_id !== who.userId) throw notFound('You have no such delayed event')
    return told(row)
  },
})

/** Under the names of the proposal and those that matrix-js-sdk reads. */
function told(row: DelayedEvent): Record<string, unknown> {
  return {
    delay_id: row.delay_id,
    room_id: row.room_id,
    type: row.type,
    ...(row.state_key === null ? {} : { state_key: row.state_key }),
    delay: row.delay_ms,
    delay_ms: row.delay_ms,
    running_since: row.since_ts,
    delayed_since_ts: row.since_ts,
    content: JSON.parse(row.content) as unknown,
    ...(row.finalised_ts === null ? {} : ending(row, row.finalised_ts)),
  }
}

function ending(row: DelayedEvent, finalisedTs: number): Record<string, unknown> {
  const outcome = {
    ...(row.event_id === null ? {} : { event_id: row.event_id }),
    ...(row.error === null ? {} : { error: JSON.parse(row.error) as unknown }),
  }
  return { ...outcome, origin_server_ts: finalisedTs, finalised: { ...outcome, finalised_ts: finalisedTs } }
}

export const delayedEventEndpoints = [
  scheduleEvent,
  scheduleEventUnstably,
  ...manage,
  ...manageUnstably,
  update,
  listEvents,
  getEvent,
]
