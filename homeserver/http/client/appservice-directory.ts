import { z } from 'zod'
import { forbidden } from '../../core/errors.ts'
import { endpoint } from '../endpoint.ts'
import { roomIdOf } from './path-ids.ts'

/** https://spec.matrix.org/v1.19/application-service-api/#put_matrixclientv3directorylistappservicenetworkidroomid */
const listOnNetwork = endpoint({
  method: 'PUT',
  path: '/directory/list/appservice/:networkId/:roomId',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'write',
  body: z.object({ visibility: z.enum(['public', 'private']) }),
  handle: async ({ params, who: { appserviceId }, body }, { directory }) => {
    if (appserviceId === undefined) throw forbidden('Only application services list the rooms of their networks')
    await directory.list({ appserviceId, networkId: params.networkId }, roomIdOf(params), body.visibility)
    return {}
  },
})

export const appserviceDirectoryEndpoints = [listOnNetwork]
