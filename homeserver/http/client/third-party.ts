/** Other networks that application services bridge to. https://spec.matrix.org/v1.19/client-server-api/#third-party-lookup */
import { notFound } from '../../core/errors.ts'
import { endpoint } from '../endpoint.ts'
import type { Services } from '../services.ts'

const common = { method: 'GET', since: ['r0', 'v3'], auth: 'user', limit: 'read' } as const

/** What registrations tell of a protocol: that it is there. It has no instances that could be looked through. */
const known = { user_fields: [], location_fields: [], icon: '', field_types: {}, instances: [] }

const protocolsOf = ({ appservices }: Services): readonly string[] =>
  appservices.all.flatMap(({ protocols }) => protocols)

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyprotocols */
const protocols = endpoint({
  ...common,
  path: '/thirdparty/protocols',
  handle: (_, services) => Object.fromEntries(protocolsOf(services).map((protocol) => [protocol, known])),
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyprotocolprotocol */
const protocol = endpoint({
  ...common,
  path: '/thirdparty/protocol/:protocol',
  handle: ({ params }, services) => {
    if (!protocolsOf(services).includes(params.protocol)) throw notFound('There is no bridge for this protocol')
    return known
  },
})

export const thirdPartyEndpoints = [protocols, protocol]
