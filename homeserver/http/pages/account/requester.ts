import { requesterFor, type Requester } from '../../../domain/accounts/requester.ts'
import type { Visitor } from '../../../domain/oauth/browser-sessions.ts'

/** The visitor as services know people who ask. */
export function requesterOf({ userId }: Visitor): Requester {
  return requesterFor(userId, 'account page')
}
