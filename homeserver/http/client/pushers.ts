/** https://spec.matrix.org/v1.19/client-server-api/#push-notifications */
import { z } from 'zod'
import { invalidParam, missingParam } from '../../core/errors.ts'
import { kindOf, type Pusher } from '../../domain/push/pushers.ts'
import { endpoint } from '../endpoint.ts'
import { jsonObject } from './json-object.ts'

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
    if (kind !== 'http' && kind !== 'email') throw invalidParam('The kind of a pusher is http, email or null')
    const { app_display_name: appDisplayName, device_display_name: deviceDisplayName, lang, data } = body
    if (appDisplayName === undefined || deviceDisplayName === undefined || lang === undefined || data === undefined) {
      const needed = ['app_display_name', 'device_display_name', 'lang', 'data'] as const
      throw missingParam(`Missing parameters: ${needed.filter((name) => body[name] === undefined).join(', ')}`)
    }
    await pushers.set(who, {
      kind,
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
    return {}
  },
})

function shown(pusher: Pusher): object {
  const { deviceId, enabled } = pusher
  return {
    pushkey: pusher.pushkey,
    kind: kindOf(pusher),
    app_id: pusher.appId,
    app_display_name: pusher.appDisplayName,
    device_display_name: pusher.deviceDisplayName,
    profile_tag: pusher.profileTag,
    lang: pusher.lang,
    data: pusher.data,
    enabled,
    device_id: deviceId,
    'org.matrix.msc3881.enabled': enabled,
    'org.matrix.msc3881.device_id': deviceId,
  }
}

export const pusherEndpoints = [list, set]
