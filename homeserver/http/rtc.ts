/**
 * The authorization service that clients ask with an OpenID token, their own server's or another one's: what LiveKit
 * deployments have as a program of its own. https://github.com/matrix-org/matrix-spec-proposals/pull/4195
 */
import { z } from 'zod'
import { badJson, forbidden, MatrixError } from '../core/errors.ts'
import { serverNameOf, type UserId } from '../core/ids.ts'
import type { OpenIdToken } from '../domain/rtc/openid-check.ts'
import type { CallToken, TokenRequest } from '../domain/rtc/call-tokens.ts'
import { identityOf, plainIdentityOf, ROOM_SLOT, sfuRoomOf } from '../domain/rtc/names.ts'
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
    const delayId = delayIn(body)
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
    return await issue(request, delayId, services)
  },
})

const memberRequest = z.object({
  room_id: z.string(),
  slot_id: z.string(),
  openid_token: openIdToken,
  member: z.object({ id: z.string(), claimed_user_id: z.string(), claimed_device_id: z.string() }),
  ...delegation,
})

const getToken = endpoint({
  method: 'POST',
  path: `${base}/get_token`,
  auth: 'none',
  limit: 'write',
  body: memberRequest,
  refuse: asBadJson,
  handle: async ({ body }, services) => {
    const delayId = delayIn(body)
    return await issue(await memberOf(body, services), delayId, services)
  },
})

const delegateLeave = endpoint({
  method: 'POST',
  path: `${base}/delegate_delayed_leave`,
  auth: 'none',
  limit: 'write',
  body: memberRequest,
  refuse: asBadJson,
  handle: async ({ body }, services) => {
    const delayId = delayIn(body)
    if (delayId === undefined) throw badJson("'delay_id' is missing")
    const request = await memberOf(body, services)
    if (isElsewhere(request.userId, services)) throw forbidden('Only users of this server leave their leaves to it')
    await takeLeave(request, delayId, services)
    return {}
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
    await callsOf(services).webhooks.receive(body, request.headers.authorization)
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

/** The delayed event that is left to us. Who cannot say one without the other made a mistake; older apps say neither. */
function delayIn(body: { delay_id?: string | undefined; delay_timeout?: number | undefined }): string | undefined {
  const { delay_id: delayId, delay_timeout: timeout } = body
  if (delayId === undefined && timeout === undefined) return undefined
  callIds({ delay_id: delayId })
  if (timeout === undefined || timeout <= 0) throw badJson("'delay_timeout' is a number of milliseconds")
  return delayId
}

async function memberOf(body: z.output<typeof memberRequest>, services: Services): Promise<TokenRequest> {
  const { room_id: roomId, slot_id: slotId, openid_token: token, member } = body
  const { id: memberId, claimed_user_id: claimed, claimed_device_id: deviceId } = member
  const ids = { 'member.id': memberId, 'member.claimed_device_id': deviceId, ...idsOf(token) }
  callIds({ room_id: roomId, slot_id: slotId, ...ids })
  const userId = await userOf(token, services)
  if (userId !== claimed) throw unauthorized()
  const identity = identityOf({ userId, deviceId, memberId })
  return { userId, roomId, slotId, deviceId, memberId, identity, way: 'get_token' }
}

async function issue(request: TokenRequest, delayId: string | undefined, services: Services): Promise<CallToken> {
  if (delayId !== undefined) await takeLeave(request, delayId, services)
  return await callsOf(services).tokens.issue(request)
}

/** Apps ask again without the delayed event when they get this very refusal. */
async function takeLeave({ userId, roomId, slotId, identity }: TokenRequest, delayId: string, services: Services) {
  const { leaves, tokens } = callsOf(services)
  const known = await tokens.check(userId, roomId)
  const delegated = { sfuRoom: sfuRoomOf(known, slotId), identity, userId, roomId: known, delayId }
  if (isElsewhere(userId, services) || !(await leaves.mayDelegate(delegated))) {
    throw badJson('No such event of yours waits here to be sent')
  }
  await leaves.delegate(delegated)
}

const isElsewhere = (userId: UserId, { config }: Services): boolean => serverNameOf(userId) !== config.server_name

/** Whoever has no good token learns nothing, not even which part of it is wrong. */
async function userOf(token: OpenIdToken, services: Services): Promise<UserId> {
  const userId = await callsOf(services).openId.userOf(token)
  if (userId === undefined) throw unauthorized()
  return userId
}

const unauthorized = () => new MatrixError(401, 'M_UNAUTHORIZED', 'The request could not be authorised')

export const callServiceEndpoints = [sfuGet, getToken, delegateLeave, webhook, health]
