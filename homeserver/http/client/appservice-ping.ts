import { z } from 'zod'
import { forbidden } from '../../core/errors.ts'
import { endpoint } from '../endpoint.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv1appserviceappserviceidping */
const ping = endpoint({
  method: 'POST',
  path: '/appservice/:appserviceId/ping',
  since: ['v1'],
  also: ['/_matrix/client/unstable/fi.mau.msc2659/appservice/:appserviceId/ping'],
  // So a user is told that he may not, and not that his token is unknown.
  auth: 'user',
  limit: 'write',
  body: z.object({ transaction_id: z.string().optional() }).prefault({}),
  handle: async ({ params, who, body }, { appservices, appservicePing }) => {
    const appservice = appservices.find(params.appserviceId)
    if (!appservice || appservice.id !== who.appserviceId) throw forbidden('This is not your application service')
    return { duration_ms: await appservicePing.ping(appservice, body.transaction_id) }
  },
})

export const appservicePingEndpoints = [ping]
