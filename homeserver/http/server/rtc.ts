/** Another server asks for a token of ours, for its user. https://github.com/matrix-org/matrix-spec-proposals/pull/4195 */
import { z } from 'zod'
import { badJson, forbidden } from '../../core/errors.ts'
import { isUserId, serverNameOf } from '../../core/ids.ts'
import { asBadJson, callIds, hostedMember, hostedRequest } from '../call-requests.ts'
import { callsOf } from '../client/rtc.ts'
import { endpoint } from '../endpoint.ts'

const getToken = endpoint({
  method: 'POST',
  path: '/_matrix/federation/v1/rtc/livekit/get_token',
  also: ['/_matrix/federation/unstable/io.element.msc4195/rtc/livekit/get_token'],
  auth: 'server',
  limit: 'federation',
  body: hostedRequest.extend({ user_id: z.string() }),
  refuse: asBadJson,
  handle: async ({ body, who }, services) => {
    const { user_id: userId, url, room_id: roomId, slot_id: slotId } = body
    const { tokens } = callsOf(services)
    callIds({ url, room_id: roomId, slot_id: slotId })
    if (!isUserId(userId)) throw badJson("'user_id' is not a user id")
    if (serverNameOf(userId) !== who.origin) throw forbidden('That is not a user of your server')
    const member = hostedMember(userId, body, undefined)
    await tokens.check(userId, roomId)
    tokens.checkUrl(url)
    const { jwt } = await tokens.issue({ ...member, roomId, slotId, way: 'hosted' })
    return { jwt }
  },
})

export const serverRtcEndpoints = [getToken]
