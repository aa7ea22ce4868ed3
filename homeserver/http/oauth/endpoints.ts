/** What apps need that log in by OAuth; without it they find nothing, and log in by password. */
import { authMetadataEndpoints } from '../client/auth-metadata.ts'
import { rendezvousJsonEndpoints } from '../client/rendezvous-json.ts'
import { rendezvousEndpoints } from '../client/rendezvous.ts'
import { authorizePages } from '../pages/authorize.ts'
import { linkPages } from '../pages/link.ts'
import { authorizeDevice } from './device-authorization.ts'
import { registerClient } from './registration.ts'
import { revoke } from './revocation.ts'
import { token } from './token.ts'

export const oauthEndpoints = [
  ...authMetadataEndpoints,
  registerClient,
  token,
  revoke,
  authorizeDevice,
  ...authorizePages,
  ...linkPages,
  ...rendezvousEndpoints,
  ...rendezvousJsonEndpoints,
]
