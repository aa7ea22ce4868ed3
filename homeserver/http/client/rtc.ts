/** Where calls of groups go through, and tokens for that. https://github.com/matrix-org/matrix-spec-proposals/pull/4143, …/4195 */
import { z } from 'zod'
import { forbidden, invalidParam, MatrixError, unrecognized } from '../../core/errors.ts'
import type { Json } from '../../core/event.ts'
import { isServerName } from '../../core/ids.ts'
import { sfuRoomOf } from '../../domain/rtc/names.ts'
import type { Calls } from '../../domain/rtc/open-calls.ts'
import { endpoint } from '../endpoint.ts'
import { asBadJson, callIds, hostedMember, hostedRequest } from '../call-requests.ts'
import type { Services } from '../services.ts'

/** The endpoints are mounted only where there are calls. */
export function callsOf({ calls }: Services): Calls {
  if (!calls) throw unrecognized()
  return calls
}

/** As clients find them in `rtc_transports` and in the well-known file. */
export const transportsOf = ({ serviceUrl, sfuUrl }: Calls): readonly Json[] => [
  { type: 'livekit', livekit_service_url: serviceUrl, url: sfuUrl },
]

const transports = endpoint({
  method: 'GET',
  path: '/rtc/transports',
  since: ['v1'],
  also: ['/_matrix/client/unstable/org.matrix.msc4143/rtc/transports'],
  auth: 'user',
  limit: 'read',
  handle: (_, services) => {
    const calls = callsOf(services)
    const known = transportsOf(calls)
    // the later name of the key has the later name of the type too, which readers of the earlier one do not know
    return { rtc_transports: known, transports: [...known, { type: 'm.livekit', url: calls.sfuUrl }] }
  },
})

const getToken = endpoint({
  method: 'POST',
  path: '/rtc/livekit/get_token',
  since: ['v1'],
  also: ['/_matrix/client/unstable/io.element.msc4195/rtc/livekit/get_token'],
  auth: 'user',
  limit: 'write',
  body: hostedRequest.extend({ server_name: z.string().optional() }),
  refuse: asBadJson,
  handle: async ({ body, who }, services) => {
    const { url, room_id, slot_id, member_id, server_name: server } = body
    const calls = callsOf(services)
    callIds({ url, room_id, slot_id })
    const member = hostedMember(who.userId, body, who.deviceId)
    if (server === undefined || server === services.config.server_name) {
      calls.tokens.checkUrl(url)
      const { jwt } = await calls.tokens.issue({ ...member, roomId: room_id, slotId: slot_id, way: 'hosted' })
      return { jwt }
    }
    if (!isServerName(server)) throw new MatrixError(400, 'M_BAD_JSON', "'server_name' is not the name of a server")
    if (services.config.federation.mode === 'off') throw forbidden('This server does not talk to others')
    const { deviceId, memberId } = member
    const asked =
      member_id === undefined
        ? { member: { id: memberId, claimed_device_id: deviceId ?? '' } }
        : { member_id: memberId }
    return await calls.remoteTokens.ask(server, who.userId, room_id, { url, room_id, slot_id, ...asked })
  },
})

/** Apps ask without a token whether this is there. */
const delegateLeave = endpoint({
  method: 'POST',
  path: '/rtc/livekit/delegate_delayed_leave',
  since: ['v1'],
  also: ['/_matrix/client/unstable/io.element.msc4195/rtc/livekit/delegate_delayed_leave'],
  auth: 'user',
  limit: 'write',
  body: hostedRequest.extend({ delay_id: z.string() }),
  refuse: asBadJson,
  handle: async ({ body, who }, services) => {
    const { url, room_id, slot_id, delay_id: delayId } = body
    const { leaves, tokens } = callsOf(services)
    callIds({ url, room_id, slot_id, delay_id: delayId })
    const { identity, userId } = hostedMember(who.userId, body, who.deviceId)
    tokens.checkUrl(url)
    const roomId = await tokens.check(userId, room_id)
    const delegation = { sfuRoom: sfuRoomOf(roomId, slot_id), identity, userId, roomId, delayId }
    if (!(await leaves.mayDelegate(delegation))) throw invalidParam('No such event waits to be sent')
    await leaves.delegate(delegation)
    return {}
  },
})

export const rtcEndpoints = [transports, getToken, delegateLeave]
