/** Administration that the specification knows of. https://spec.matrix.org/v1.19/client-server-api/#server-administration */
import { z } from 'zod'
import { forbidden } from '../../core/errors.ts'
import { endpoint } from '../endpoint.ts'

const common = { since: ['v1'], auth: 'admin', limit: 'admin' } as const
const unstable = '/_matrix/client/unstable/uk.timedout.msc4323'
const lock = { ...common, path: '/admin/lock/:userId', also: [`${unstable}/admin/lock/:userId`] } as const
const suspend = { ...common, path: '/admin/suspend/:userId', also: [`${unstable}/admin/suspend/:userId`] } as const

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1adminlockuserid */
const getLock = endpoint({
  ...lock,
  method: 'GET',
  handle: async ({ params, who }, { moderation }) => ({
    locked: (await moderation.inspect(who, params.userId)).isLocked,
  }),
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv1adminlockuserid */
const putLock = endpoint({
  ...lock,
  method: 'PUT',
  body: z.object({ locked: z.boolean() }),
  handle: async ({ params, who, body: { locked } }, { moderation }) => {
    await moderation.restrict(who, params.userId, { isLocked: locked })
    return { locked }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1adminsuspenduserid */
const getSuspend = endpoint({
  ...suspend,
  method: 'GET',
  handle: async ({ params, who }, { moderation }) => ({
    suspended: (await moderation.inspect(who, params.userId)).isSuspended,
  }),
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv1adminsuspenduserid */
const putSuspend = endpoint({
  ...suspend,
  method: 'PUT',
  body: z.object({ suspended: z.boolean() }),
  handle: async ({ params, who, body: { suspended } }, { moderation }) => {
    await moderation.restrict(who, params.userId, { isSuspended: suspended })
    return { suspended }
  },
})

/** Everybody may ask about themselves. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3adminwhoisuserid */
const whois = endpoint({
  method: 'GET',
  path: '/admin/whois/:userId',
  since: ['r0', 'v3'],
  also: ['/_synapse/admin/v1/whois/:userId'],
  auth: 'user',
  limit: 'admin',
  handle: async ({ params, who }, { moderation, devices }) => {
    if (params.userId !== who.userId && !who.isAdmin) throw forbidden('You are not a server admin')
    const { userId } = await moderation.get(params.userId)
    const entries = (await devices.list(userId)).map((device) => [
      device.deviceId,
      { sessions: [{ connections: connectionsOf(device) }] },
    ])
    return { user_id: userId, devices: Object.fromEntries(entries) }
  },
})

interface LastConnection {
  readonly lastSeenIp: string | undefined
  readonly lastSeenTs: number | undefined
  readonly lastSeenUserAgent: string | undefined
}

/** Only the last one is known, and none of a device that never had a session. */
function connectionsOf({ lastSeenIp, lastSeenTs, lastSeenUserAgent }: LastConnection) {
  return lastSeenTs === undefined ? [] : [{ ip: lastSeenIp, last_seen: lastSeenTs, user_agent: lastSeenUserAgent }]
}

export const adminEndpoints = [getLock, putLock, getSuspend, putSuspend, whois]
