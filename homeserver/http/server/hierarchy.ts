import { z } from 'zod'
import { endpoint } from '../endpoint.ts'
import { flag } from '../query-flag.ts'

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1hierarchyroomid */
const hierarchy = endpoint({
  auth: 'server',
  limit: 'federation',
  method: 'GET',
  path: '/_matrix/federation/v1/hierarchy/:roomId',
  also: ['/_matrix/federation/unstable/org.matrix.msc2946/hierarchy/:roomId'],
  query: z.object({ suggested_only: flag.default(false) }),
  handle: async ({ who, params, query }, { spaceAnswers }) =>
    await spaceAnswers.hierarchy(who.origin, params.roomId, { suggestedOnly: query.suggested_only }),
})

export const federatedHierarchyEndpoints = [hierarchy]
