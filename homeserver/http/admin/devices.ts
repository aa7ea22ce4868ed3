/** Devices of any user. https://element-hq.github.io/synapse/latest/admin_api/user_admin_api.html#user-devices */
import { z } from 'zod'
import type { Device } from '../../domain/devices/devices.ts'
import { endpoint } from '../endpoint.ts'

const common = { auth: 'admin', limit: 'admin' } as const
const path = '/_synapse/admin/v2/users/:userId/devices'
const device = { ...common, path: `${path}/:deviceId` } as const

const list = endpoint({
  ...common,
  method: 'GET',
  path,
  handle: async ({ params }, { moderation, devices }) => {
    const { userId } = await moderation.get(params.userId)
    const found = (await devices.list(userId)).map((each) => shown(userId, each))
    return { devices: found, total: found.length }
  },
})

const create = endpoint({
  ...common,
  method: 'POST',
  path,
  body: z.object({ device_id: z.string().min(1) }),
  handle: async ({ params, body }, { moderation, devices }) => {
    const { userId } = await moderation.get(params.userId)
    await devices.create(userId, body.device_id, undefined)
    return {}
  },
})

const get = endpoint({
  ...device,
  method: 'GET',
  handle: async ({ params }, { moderation, devices }) => {
    const { userId } = await moderation.get(params.userId)
    return shown(userId, await devices.get(userId, params.deviceId))
  },
})

const put = endpoint({
  ...device,
  method: 'PUT',
  body: z.object({ display_name: z.string().optional() }),
  handle: async ({ params, body }, { moderation, devices }) => {
    const { userId } = await moderation.get(params.userId)
    await devices.rename(userId, params.deviceId, body.display_name)
    return {}
  },
})

const remove = endpoint({
  ...device,
  method: 'DELETE',
  handle: async ({ params }, { moderation, sessions }) => {
    const { userId } = await moderation.get(params.userId)
    await sessions.end(userId, [params.deviceId])
    return {}
  },
})

const removeMany = endpoint({
  ...common,
  method: 'POST',
  path: '/_synapse/admin/v2/users/:userId/delete_devices',
  body: z.object({ devices: z.array(z.string()).max(1000) }),
  handle: async ({ params, body }, { moderation, sessions }) => {
    const { userId } = await moderation.get(params.userId)
    await sessions.end(userId, body.devices)
    return {}
  },
})

const shown = (userId: string, { deviceId, displayName, lastSeenIp, lastSeenTs, lastSeenUserAgent }: Device) => ({
  user_id: userId,
  device_id: deviceId,
  display_name: displayName ?? null,
  last_seen_ip: lastSeenIp ?? null,
  last_seen_ts: lastSeenTs ?? null,
  last_seen_user_agent: lastSeenUserAgent ?? null,
})

export const adminDevicesEndpoints = [list, create, get, put, remove, removeMany]
