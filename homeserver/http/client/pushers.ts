/** https://spec.matrix.org/v1.19/client-server-api/#push-notifications */
import { z } from 'zod'
import { invalidParam, missingParam } from '../../core/errors.ts'
import type { Pusher, PusherKind } from '../../domain/push/pushers.ts'
import { endpoint, Reply } from '../endpoint.ts'
import { jsonObject } from './json-object.ts'

/** Until it is specified. https://github.com/matrix-org/matrix-spec-proposals/pull/4174 */
const WEB_PUSH = 'org.matrix.msc4174.webpush'

/** By the names that clients give them. */
const kinds: ReadonlyMap<string, PusherKind> = new Map([
  ['http', 'http'],
  ['email', 'email'],
  ['webpush', 'webpush'],
  [WEB_PUSH, 'webpush'],
])

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushers */
const list = endpoint({
  method: 'GET',
  path: '/pushers',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  handle: async ({ who }, { pushers }) => ({ pushers: (await pushers.list(who.userId)).map(shown) }),
})

const settings = z.object({
  kind: z.string().nullable(),
  app_id: z.string(),
  pushkey: z.string(),
  app_display_name: z.string().optional(),
  device_display_name: z.string().optional(),
  profile_tag: z.string().nullish(),
  lang: z.string().optional(),
  data: jsonObject.optional(),
  append: z.boolean().default(false),
  enabled: z.boolean().optional(),
  'org.matrix.msc3881.enabled': z.boolean().optional(),
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3pushersset */
const set = endpoint({
  method: 'POST',
  path: '/pushers/set',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'write',
  whileSuspended: true,
  body: settings,
  handle: async ({ who, body }, { pushers }) => {
    const { kind, app_id: appId, pushkey } = body
    if (kind === null) {
      await pushers.remove({ userId: who.userId, appId, pushkey })
      return {}
    }
    const known = kinds.get(kind)
    if (!known) throw invalidParam('The kind of a pusher is http, email, org.matrix.msc4174.webpush or null')
    const { app_display_name: appDisplayName, device_display_name: deviceDisplayName, lang, data } = body
    if (appDisplayName === undefined || deviceDisplayName === undefined || lang === undefined || data === undefined) {
      const needed = ['app_display_name', 'device_display_name', 'lang', 'data'] as const
      throw missingParam(`Missing parameters: ${needed.filter((name) => body[name] === undefined).join(', ')}`)
    }
    const isActive = await pushers.set(who, {
      kind: known,
      appId,
      pushkey,
      appDisplayName,
      deviceDisplayName,
      profileTag: body.profile_tag ?? undefined,
      lang,
      data,
      enabled: body.enabled ?? body['org.matrix.msc3881.enabled'],
      append: body.append,
    })
    return isActive ? {} : new Reply(201, {})
  },
})

/** The app says what it was sent by the push service of its browser. */
const acknowledge = endpoint({
  method: 'POST',
  path: '/pushers/ack',
  since: ['v3'],
  also: ['/_matrix/client/unstable/org.matrix.msc4174/pushers/ack'],
  auth: 'user',
  limit: 'write',
  whileSuspended: true,
  body: z.object({ app_id: z.string(), ack_token: z.string().max(255) }),
  handle: async ({ who, body }, { pushers }) => {
    await pushers.acknowledge(who, { appId: body.app_id, token: body.ack_token })
    return {}
  },
})

function shown(pusher: Pusher): object {
  const { deviceId, enabled } = pusher
  return {
    pushkey: pusher.pushkey,
    kind: pusher.kind === 'webpush' ? WEB_PUSH : pusher.kind,
    app_id: pusher.appId,
    app_display_name: pusher.appDisplayName,
    device_display_name: pusher.deviceDisplayName,
    profile_tag: pusher.profileTag,
    lang: pusher.lang,
    data: pusher.kind === 'webpush' ? { ...pusher.data, activated: !pusher.awaited } : pusher.data,
    enabled,
    device_id: deviceId,
    'org.matrix.msc3881.enabled': enabled,
    'org.matrix.msc3881.device_id': deviceId,
  }
}

export const pusherEndpoints = [list, set, acknowledge]
