import type { DeviceId, UserId } from '../../core/ids.ts'

/** Who asks: the account behind a valid access token. */
export interface Requester {
  readonly userId: UserId
  /** Absent for an application service that acts without a device. */
  readonly deviceId: DeviceId | undefined
  /** Names the session for good: it survives a refresh of the token. Transaction ids belong to it. */
  readonly sessionId: string
  readonly isGuest: boolean
  readonly isAdmin: boolean
  /** May read and leave, not write. https://spec.matrix.org/v1.19/client-server-api/#account-suspension */
  readonly isSuspended: boolean
  /** The application service that acts as this user. */
  readonly appserviceId: string | undefined
  /** The client that got the session by OAuth: its user proves who he is on the server's pages, not to the client. */
  readonly clientId?: string | undefined
  /** An application service may give events a time of their own. */
  readonly timestamp?: number
  /** Sits at the command line of the machine: may do what administrators may not do to one another. */
  readonly isOperator?: boolean
  /** Rate limits do not count for it. */
  readonly isUnlimited?: boolean
}

/** A user for whom the server acts itself, as on its pages: without a device, and without the rights of an administrator. */
export function requesterFor(userId: UserId, sessionId: string): Requester {
  return {
    userId,
    deviceId: undefined,
    sessionId,
    isGuest: false,
    isAdmin: false,
    isSuspended: false,
    appserviceId: undefined,
  }
}
