import { z } from 'zod'
import { refuse } from '../../core/errors.ts'
import { endpoint } from '../endpoint.ts'
import { userId } from './body-ids.ts'
import { jsonObject } from './json-object.ts'

const body = z
  .object({
    visibility: z.enum(['public', 'private']).optional(),
    preset: z.enum(['private_chat', 'public_chat', 'trusted_private_chat']).optional(),
    room_alias_name: z.string().optional(),
    room_version: z.string().optional(),
    creation_content: jsonObject.optional(),
    power_level_content_override: jsonObject.optional(),
    initial_state: z
      .array(z.object({ type: z.string(), state_key: z.string().default(''), content: jsonObject }))
      .optional(),
    name: z.string().optional(),
    topic: z.string().optional(),
    invite: z.array(userId).optional(),
    invite_3pid: z.array(z.unknown()).optional(),
    is_direct: z.boolean().optional(),
  })
  .prefault({})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom */
const createRoom = endpoint({
  method: 'POST',
  path: '/createRoom',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'createRoom',
  body,
  exactNumbers: true,
  handle: async ({ who, body: options }, { roomCreator }) => {
    if (options.invite_3pid && options.invite_3pid.length > 0) throw noThirdPartyInvites()
    const roomId = await roomCreator.create(who, {
      visibility: options.visibility,
      preset: options.preset,
      aliasLocalpart: options.room_alias_name,
      version: options.room_version,
      creationContent: options.creation_content,
      powerLevels: options.power_level_content_override,
      state: options.initial_state?.map(({ type, state_key: stateKey, content }) => ({ type, stateKey, content })),
      name: options.name,
      topic: options.topic,
      invite: options.invite,
      isDirect: options.is_direct,
    })
    return { room_id: roomId }
  },
})

/** Invites by e-mail address or phone number need an identity server, which no setting names. */
export function noThirdPartyInvites(): Error {
  return refuse(403, 'M_THREEPID_DENIED', 'This server invites nobody by e-mail address or phone number')
}

export const createRoomEndpoints = [createRoom]
