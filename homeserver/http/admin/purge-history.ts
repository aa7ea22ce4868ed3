/** Deletes what was said in a room. https://element-hq.github.io/synapse/latest/admin_api/purge_history_api.html */
import { z } from 'zod'
import { badJson, notFound } from '../../core/errors.ts'
import { isEventId, type RoomId } from '../../core/ids.ts'
import type { PurgeEnd } from '../../domain/admin/history/purges.ts'
import { roomIdOf } from '../client/path-ids.ts'
import { endpoint } from '../endpoint.ts'
import type { Services } from '../services.ts'

const common = { auth: 'admin', limit: 'admin' } as const

const body = z
  .object({
    delete_local_events: z.boolean().default(false),
    purge_up_to_event_id: z.string().optional(),
    purge_up_to_ts: z.int().min(0).optional(),
  })
  .prefault({})

const purge = endpoint({
  ...common,
  method: 'POST',
  path: '/_synapse/admin/v1/purge_history/:roomId',
  body,
  handle: async ({ params, body: wish }, services) => await begun(services, params.roomId, wish),
})

const purgeBefore = endpoint({
  ...common,
  method: 'POST',
  path: '/_synapse/admin/v1/purge_history/:roomId/:eventId',
  body,
  handle: async ({ params, body: wish }, services) =>
    await begun(services, params.roomId, { ...wish, purge_up_to_event_id: params.eventId }),
})

const status = endpoint({
  ...common,
  method: 'GET',
  path: '/_synapse/admin/v1/purge_history_status/:purgeId',
  handle: async ({ params }, { historyPurges }) => {
    const { status: state, error } = await historyPurges.get(params.purgeId)
    return { status: state, ...(error === undefined ? {} : { error }) }
  },
})

async function begun(services: Services, room: string, wish: z.output<typeof body>): Promise<{ purge_id: string }> {
  await services.roomAdmin.get(room)
  const roomId = roomIdOf({ roomId: room })
  const end = await endOf(services, roomId, wish)
  return { purge_id: await services.historyPurges.begin(roomId, end, { withLocal: wish.delete_local_events }) }
}

/** Before an event, which stays, or before a time. */
async function endOf(
  { events }: Services,
  roomId: RoomId,
  { purge_up_to_event_id: eventId, purge_up_to_ts: ts }: z.output<typeof body>,
): Promise<PurgeEnd> {
  if (eventId === undefined) {
    if (ts === undefined) throw badJson('Tell up to where: purge_up_to_event_id or purge_up_to_ts')
    return { ts }
  }
  const event = isEventId(eventId) ? await events.find(eventId) : undefined
  if (event?.roomId !== roomId) throw notFound('There is no such event in the room')
  return { depth: event.row.depth, stream: event.row.stream_id ?? 0 }
}

export const adminPurgeHistoryEndpoints = [purge, purgeBefore, status]
