/** Dehydrated devices: https://github.com/matrix-org/matrix-spec-proposals/pull/3814 */
import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import type { Json } from '../../core/event.ts'
import { endpoint, JsonText } from '../endpoint.ts'
import { jsonObject } from './json-object.ts'

const path = '/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device'
const keyObjects = z.record(z.string(), z.custom<Json>()).optional()

const put = endpoint({
  method: 'PUT',
  path,
  auth: 'user',
  limit: 'keys',
  whileSuspended: true,
  maxBody: 2 * 1024 * 1024,
  body: z.object({
    device_id: z.string().min(1),
    device_data: jsonObject,
    initial_device_display_name: z.string().nullish(),
    device_keys: jsonObject.optional(),
    one_time_keys: keyObjects,
    fallback_keys: keyObjects,
  }),
  handle: async ({ who, body }, { dehydratedDevices }) => {
    const { device_id, device_data, initial_device_display_name, ...keys } = body
    await dehydratedDevices.put(who.userId, {
      ...keys,
      deviceId: device_id,
      deviceData: device_data,
      displayName: initial_device_display_name ?? undefined,
    })
    return { device_id }
  },
})

const get = endpoint({
  method: 'GET',
  path,
  auth: 'user',
  limit: 'keys',
  handle: async ({ who }, { dehydratedDevices }) => {
    const { deviceId, deviceData } = await dehydratedDevices.get(who.userId)
    return new JsonText(`{"device_data":${deviceData},"device_id":${JSON.stringify(deviceId)}}`)
  },
})

const remove = endpoint({
  method: 'DELETE',
  path,
  auth: 'user',
  limit: 'keys',
  whileSuspended: true,
  handle: async ({ who }, { dehydratedDevices }) => ({ device_id: await dehydratedDevices.delete(who.userId) }),
})

/** The last page is empty, so that the client's asking for it says that it has all others. */
const events = endpoint({
  method: 'POST',
  path: `${path}/:deviceId/events`,
  auth: 'user',
  limit: 'keys',
  whileSuspended: true,
  body: z.object({ next_batch: z.string().optional() }).prefault({}),
  handle: async ({ params, who, body }, { dehydratedDevices }) => {
    const after = placeOf(body.next_batch)
    const messages = await dehydratedDevices.events(who.userId, params.deviceId, after)
    const list = messages.map(({ event }) => event).join(',')
    return new JsonText(`{"events":[${list}],"next_batch":"d${messages.at(-1)?.streamId ?? after}"}`)
  },
})

function placeOf(nextBatch: string | undefined): number {
  if (nextBatch === undefined) return 0
  const [, place] = /^d(\d{1,15})$/.exec(nextBatch) ?? []
  if (place === undefined) throw invalidParam('next_batch is not what this endpoint gave')
  return Number(place)
}

export const dehydratedDeviceEndpoints = [put, get, remove, events]
