/** Other networks that application services bridge to. https://spec.matrix.org/v1.19/client-server-api/#third-party-lookup */
import { z } from 'zod'
import { notFound } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import { endpoint } from '../endpoint.ts'

const common = { method: 'GET', since: ['r0', 'v3'], auth: 'user', limit: 'read' } as const

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyprotocols */
const protocols = endpoint({
  ...common,
  path: '/thirdparty/protocols',
  handle: (_, { thirdParty }) => thirdParty.protocols(),
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyprotocolprotocol */
const protocol = endpoint({
  ...common,
  path: '/thirdparty/protocol/:protocol',
  handle: async ({ params }, { thirdParty }) => {
    const found = await thirdParty.protocol(params.protocol)
    if (!found) throw notFound('There is no bridge for this protocol')
    return found
  },
})

/** What a network calls its users and rooms is for its bridge to know. */
const fields = z.record(z.string(), z.string())

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyuserprotocol */
const users = endpoint({
  ...common,
  path: '/thirdparty/user/:protocol',
  query: fields,
  handle: async ({ params, query }, { thirdParty }) =>
    foundOf(await thirdParty.find('user', params.protocol, fieldsOf(query))),
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartylocationprotocol */
const locations = endpoint({
  ...common,
  path: '/thirdparty/location/:protocol',
  query: fields,
  handle: async ({ params, query }, { thirdParty }) =>
    foundOf(await thirdParty.find('location', params.protocol, fieldsOf(query))),
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyuser */
const userByName = endpoint({
  ...common,
  path: '/thirdparty/user',
  query: z.object({ userid: z.string() }),
  handle: async ({ query }, { thirdParty }) => foundOf(await thirdParty.findByName('user', query.userid)),
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartylocation */
const locationByName = endpoint({
  ...common,
  path: '/thirdparty/location',
  query: z.object({ alias: z.string() }),
  handle: async ({ query }, { thirdParty }) => foundOf(await thirdParty.findByName('location', query.alias)),
})

function foundOf(found: readonly JsonObject[]): readonly JsonObject[] {
  if (found.length === 0) throw notFound('No bridge knows of it')
  return found
}

/** A token in the query is for us, not for the bridge. */
function fieldsOf(query: z.output<typeof fields>): URLSearchParams {
  const fieldsAlone = new URLSearchParams(query)
  fieldsAlone.delete('access_token')
  return fieldsAlone
}

export const thirdPartyEndpoints = [protocols, protocol, users, locations, userByName, locationByName]
