import { z } from 'zod'
import type { Requester } from '../../domain/accounts/requester.ts'
import { clientEventText } from '../../domain/rooms/client-event.ts'
import type { JsonObject } from '../../core/event.ts'
import { endpoint, JsonText } from '../endpoint.ts'
import type { Services } from '../services.ts'
import { scheduleByQuery } from './delayed-events.ts'
import { eventContent } from './event-content.ts'
import { roomIdOf } from './path-ids.ts'
import { sendingQuery } from './sending-query.ts'

interface StatePath {
  readonly roomId: string
  readonly eventType: string
  readonly stateKey?: string
}

const format = z.object({ format: z.enum(['content', 'event']).default('content') })
const reading = { method: 'GET', since: ['r0', 'v3'], auth: 'user', limit: 'read' } as const
const writing = {
  method: 'PUT',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'message',
  query: sendingQuery,
  body: eventContent,
  exactNumbers: true,
} as const

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstate */
const listState = endpoint({
  ...reading,
  path: '/rooms/:roomId/state',
  handle: async ({ params, who }, { roomState, clock }) => {
    const form = { now: clock.now() }
    const events = await roomState.list(who, roomIdOf(params))
    return new JsonText(`[${events.map((event) => clientEventText(event, form)).join(',')}]`)
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstateeventtypestatekey */
const getState = endpoint({
  ...reading,
  path: '/rooms/:roomId/state/:eventType/:stateKey',
  query: format,
  handle: ({ params, who, query }, services) => answer(params, who, query, services),
})

/** The empty state key need not be written, nor the slash before it. */
const getEmptyKey = endpoint({
  ...reading,
  path: '/rooms/:roomId/state/:eventType',
  query: format,
  handle: ({ params, who, query }, services) => answer(params, who, query, services),
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidstateeventtypestatekey */
const setState = endpoint({
  ...writing,
  path: '/rooms/:roomId/state/:eventType/:stateKey',
  handle: ({ params, who, query, body }, services) => set(params, who, query, body, services),
})

const setEmptyKey = endpoint({
  ...writing,
  path: '/rooms/:roomId/state/:eventType',
  handle: ({ params, who, query, body }, services) => set(params, who, query, body, services),
})

async function answer(
  path: StatePath,
  who: Requester,
  query: z.output<typeof format>,
  { roomState, clock }: Services,
): Promise<JsonText> {
  const event = await roomState.get(who, roomIdOf(path), path.eventType, path.stateKey ?? '')
  return new JsonText(query.format === 'event' ? clientEventText(event, { now: clock.now() }) : event.contentText)
}

async function set(
  path: StatePath,
  who: Requester,
  { delay, stickyDuration }: z.output<typeof sendingQuery>,
  content: JsonObject,
  services: Services,
): Promise<object> {
  const change = { roomId: roomIdOf(path), type: path.eventType, stateKey: path.stateKey ?? '', content }
  if (delay !== undefined) return await scheduleByQuery(who, { ...change, delay, stickyDuration }, services)
  return { event_id: await services.roomState.set(who, { ...change, stickyDuration }) }
}

export const stateEndpoints = [listState, getState, getEmptyKey, setState, setEmptyKey]
