import { z } from 'zod'
import { endpoint } from '../endpoint.ts'
import { tokenAnswer } from './session.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3refresh */
const refresh = endpoint({
  method: 'POST',
  path: '/refresh',
  since: ['v3'],
  also: ['/_matrix/client/v1/refresh', '/_matrix/client/unstable/org.matrix.msc2918.refresh_token/refresh'],
  auth: 'none',
  limit: 'login',
  body: z.object({ refresh_token: z.string() }),
  handle: async ({ body }, { sessions }) => tokenAnswer(await sessions.refresh(body.refresh_token)),
})

export const refreshEndpoints = [refresh]
