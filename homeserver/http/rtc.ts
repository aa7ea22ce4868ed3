/**
 * The authorization service that clients ask with an OpenID token, their own server's or another one's: what LiveKit
 * deployments have as a program of its own. https://github.com/matrix-org/matrix-spec-proposals/pull/4195
 */
import { z } from 'zod'
import { badJson, MatrixError } from '../core/errors.ts'
import type { UserId } from '../core/ids.ts'
import type { OpenIdToken } from '../domain/rtc/openid-check.ts'
import { identityOf, plainIdentityOf, ROOM_SLOT } from '../domain/rtc/names.ts'
import { readBytes } from './body.ts'
import { asBadJson, callIds } from './call-requests.ts'
import { callsOf } from './client/rtc.ts'
import { endpoint, Reply } from './endpoint.ts'
import type { Services } from './services.ts'

const base = '/livekit/jwt'
const MAX_WEBHOOK_BYTES = 1024 * 1024

const openIdToken = z.object({ access_token: z.string(), matrix_server_name: z.string() })
/** By these a client leaves its delayed leave to us; `delay_cs_api_url` says where it is, which we know better. */
const delegation = { delay_id: z.string().optional(), delay_timeout: z.number().optional() }

/** The way of old clients, and of those that a room of another server has. */
const sfuGet = endpoint({
  method: 'POST',
  path: `${base}/sfu/get`,
  auth: 'none',
  limit: 'write',
  body: z.object({ room: z.string(), openid_token: openIdToken, device_id: z.string(), ...delegation }),
  refuse: asBadJson,
  handle: async ({ body }, services) => {
    const { room: roomId, device_id: deviceId, openid_token: token } = body
    callIds({ room: roomId, device_id: deviceId, ...idsOf(token) })
    checkDelegation(body)
    const userId = await userOf(token, services)
    const identity = plainIdentityOf(userId, deviceId)
    const request = {
      userId,
      roomId,
      deviceId,
      identity,
      memberId: undefined,
      slotId: ROOM_SLOT,
      way: 'sfu/get',
    } as const
    return await callsOf(services).tokens.issue(request)
  },
})

const getToken = endpoint({
  method: 'POST',
  path: `${base}/get_token`,
  auth: 'none',
  limit: 'write',
  body: z.object({
    room_id: z.string(),
    slot_id: z.string(),
    openid_token: openIdToken,
    member: z.object({ id: z.string(), claimed_user_id: z.string(), claimed_device_id: z.string() }),
    ...delegation,
  }),
  refuse: asBadJson,
  handle: async ({ body }, services) => {
    const { room_id: roomId, slot_id: slotId, openid_token: token, member } = body
    const { id: memberId, claimed_user_id: claimed, claimed_device_id: deviceId } = member
    callIds({
      room_id: roomId,
      slot_id: slotId,
      'member.id': memberId,
      'member.claimed_device_id': deviceId,
      ...idsOf(token),
    })
    checkDelegation(body)
    const userId = await userOf(token, services)
    if (userId !== claimed) throw unauthorized()
    const identity = identityOf({ userId, deviceId, memberId })
    return await callsOf(services).tokens.issue({
      userId,
      roomId,
      slotId,
      deviceId,
      memberId,
      identity,
      way: 'get_token',
    })
  },
})

const webhook = endpoint({
  method: 'POST',
  path: `${base}/sfu_webhook`,
  auth: 'none',
  limit: 'none',
  body: 'stream',
  handle: async ({ request }, services) => {
    const body = await readBytes(request, MAX_WEBHOOK_BYTES)
    callsOf(services).webhooks.receive(body, request.headers.authorization)
    return {}
  },
})

const health = endpoint({
  method: 'GET',
  path: `${base}/healthz`,
  auth: 'none',
  limit: 'none',
  handle: () => new Reply(200),
})

const idsOf = ({ access_token, matrix_server_name }: OpenIdToken) => ({
  'openid_token.access_token': access_token,
  'openid_token.matrix_server_name': matrix_server_name,
})

/** Clients that cannot say one without the other made a mistake; older ones say neither. */
function checkDelegation({
  delay_id,
  delay_timeout,
}: {
  delay_id?: string | undefined
  delay_timeout?: number | undefined
}): void {
  if ((delay_id === undefined) !== (delay_timeout === undefined)) {
    throw badJson("'delay_id' and 'delay_timeout' belong together")
  }
}

/** Whoever has no good token learns nothing, not even which part of it is wrong. */
async function userOf(token: OpenIdToken, services: Services): Promise<UserId> {
  const userId = await callsOf(services).openId.userOf(token)
  if (userId === undefined) throw unauthorized()
  return userId
}

const unauthorized = () => new MatrixError(401, 'M_UNAUTHORIZED', 'The request could not be authorised')

export const callServiceEndpoints = [sfuGet, getToken, webhook, health]
