import type { Requester } from '../../../domain/accounts/requester.ts'
import type { Visitor } from '../../../domain/oauth/browser-sessions.ts'

/** The visitor as services know people who ask: without a device, and without the rights of an administrator. */
export function requesterOf({ userId }: Visitor): Requester {
  return {
    userId,
    deviceId: undefined,
    sessionId: 'account page',
    isGuest: false,
    isAdmin: false,
    isSuspended: false,
    appserviceId: undefined,
  }
}
