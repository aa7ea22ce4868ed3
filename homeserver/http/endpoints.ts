/** Every endpoint there is, by file. A path missing here is answered with M_UNRECOGNIZED. */
import { accountEndpoints } from './client/account.ts'
import { loginEndpoints } from './client/login.ts'
import { logoutEndpoints } from './client/logout.ts'
import { mediaEndpoints } from './client/media.ts'
import { registerEndpoints } from './client/register.ts'
import { versions } from './client/versions.ts'
import type { Endpoint } from './endpoint.ts'

export const endpoints: readonly Endpoint[] = [
  versions,
  ...registerEndpoints,
  ...loginEndpoints,
  ...logoutEndpoints,
  ...accountEndpoints,
  ...mediaEndpoints,
]
