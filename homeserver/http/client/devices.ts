import { z } from 'zod'
import type { Device } from '../../domain/devices/devices.ts'
import { endpoint, Reply } from '../endpoint.ts'
import { authData } from './auth-data.ts'

const common = { since: ['r0', 'v3'], auth: 'user' } as const

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devices */
const list = endpoint({
  ...common,
  method: 'GET',
  path: '/devices',
  limit: 'read',
  handle: async ({ who }, { devices }) => ({ devices: (await devices.list(who.userId)).map(shown) }),
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devicesdeviceid */
const get = endpoint({
  ...common,
  method: 'GET',
  path: '/devices/:deviceId',
  limit: 'read',
  handle: async ({ params, who }, { devices }) => shown(await devices.get(who.userId, params.deviceId)),
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3devicesdeviceid */
const put = endpoint({
  ...common,
  method: 'PUT',
  path: '/devices/:deviceId',
  limit: 'write',
  body: z.object({ display_name: z.string().optional() }),
  handle: async ({ params: { deviceId }, who, body }, { devices }) => {
    const { userId, appserviceId } = who
    const isNew = appserviceId !== undefined && (await devices.create(userId, deviceId, body.display_name))
    if (isNew) return new Reply(201, {})
    await devices.rename(userId, deviceId, body.display_name)
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3devicesdeviceid */
const remove = endpoint({
  ...common,
  method: 'DELETE',
  path: '/devices/:deviceId',
  limit: 'write',
  whileSuspended: true,
  body: z.object({ auth: authData }).optional(),
  handle: async (call, { sessions, uia }) => {
    await uia.require(call)
    await sessions.end(call.who.userId, [call.params.deviceId])
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3delete_devices */
const removeMany = endpoint({
  ...common,
  method: 'POST',
  path: '/delete_devices',
  limit: 'write',
  whileSuspended: true,
  body: z.object({ devices: z.array(z.string()), auth: authData }),
  handle: async (call, { sessions, uia }) => {
    await uia.require(call)
    await sessions.end(call.who.userId, call.body.devices)
    return {}
  },
})

function shown({ deviceId, displayName, lastSeenIp, lastSeenTs }: Device): object {
  return { device_id: deviceId, display_name: displayName, last_seen_ip: lastSeenIp, last_seen_ts: lastSeenTs }
}

export const devicesEndpoints = [list, get, put, remove, removeMany]
