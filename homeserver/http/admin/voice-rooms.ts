/** Ours: rooms that are a call, made by the server for everybody. */
import { z } from 'zod'
import { endpoint } from '../endpoint.ts'

const make = endpoint({
  method: 'POST',
  path: '/_domovoi/admin/v1/voice_rooms',
  auth: 'admin',
  limit: 'admin',
  body: z.object({ name: z.string().min(1).max(255), alias: z.string().min(1).max(200).optional() }),
  handle: async ({ body: { name, alias } }, { serverRooms }) => ({
    room_id: await serverRooms.make({ kind: 'voice', name, aliasLocalpart: alias }),
  }),
})

export const voiceRoomsEndpoints = [make]
