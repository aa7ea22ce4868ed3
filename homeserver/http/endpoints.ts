/** Every endpoint there is, by file. A path missing here is answered with M_UNRECOGNIZED. */
import { adminRegisterEndpoints } from './admin/register.ts'
import { accountDataEndpoints } from './client/account-data.ts'
import { accountEndpoints } from './client/account.ts'
import { authFallbackEndpoints } from './client/auth-fallback.ts'
import { capabilitiesEndpoints } from './client/capabilities.ts'
import { dehydratedDeviceEndpoints } from './client/dehydrated-device.ts'
import { devicesEndpoints } from './client/devices.ts'
import { keysEndpoints } from './client/keys.ts'
import { loginEndpoints } from './client/login.ts'
import { logoutEndpoints } from './client/logout.ts'
import { mediaEndpoints } from './client/media.ts'
import { profileEndpoints } from './client/profile.ts'
import { pushRuleEndpoints } from './client/push-rules.ts'
import { openIdEndpoints } from './client/openid.ts'
import { registerEndpoints } from './client/register.ts'
import { roomKeysEndpoints } from './client/room-keys.ts'
import { sendToDeviceEndpoints } from './client/send-to-device.ts'
import { tagEndpoints } from './client/tags.ts'
import { versions } from './client/versions.ts'
import { wellKnownEndpoints } from './client/well-known.ts'
import type { Endpoint } from './endpoint.ts'

export const endpoints: readonly Endpoint[] = [
  versions,
  ...registerEndpoints,
  ...loginEndpoints,
  ...logoutEndpoints,
  ...accountEndpoints,
  ...authFallbackEndpoints,
  ...capabilitiesEndpoints,
  ...profileEndpoints,
  ...wellKnownEndpoints,
  ...adminRegisterEndpoints,
  ...devicesEndpoints,
  ...keysEndpoints,
  ...sendToDeviceEndpoints,
  ...roomKeysEndpoints,
  ...dehydratedDeviceEndpoints,
  ...mediaEndpoints,
  ...accountDataEndpoints,
  ...tagEndpoints,
  ...openIdEndpoints,
  ...pushRuleEndpoints,
]
