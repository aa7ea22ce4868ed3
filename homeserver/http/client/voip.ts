import { turnCredentials } from '../../domain/rtc/turn.ts'
import { endpoint } from '../endpoint.ts'

/**
 * Clients understand an empty answer as "there is none", and an error as one that will pass.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3voipturnserver
 */
const turnServer = endpoint({
  method: 'GET',
  path: '/voip/turnServer',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  handle: ({ who }, { config, clock }) => {
    const { turn } = config.calls
    return (who.isGuest && !turn.guests ? undefined : turnCredentials(turn, who.userId, clock.now())) ?? {}
  },
})

export const voipEndpoints = [turnServer]
