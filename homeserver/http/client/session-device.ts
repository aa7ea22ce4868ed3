import { forbidden } from '../../core/errors.ts'
import type { DeviceId } from '../../core/ids.ts'
import type { Requester } from '../../domain/accounts/requester.ts'

/** The device of the session. Throws for an application service that acts without one. */
export function deviceOf({ deviceId }: Requester): DeviceId {
  if (deviceId === undefined) throw forbidden('Only a device can do this, and this session has none')
  return deviceId
}
