/** The body of a transaction, made of texts as they are stored. https://spec.matrix.org/v1.19/server-server-api/#transactions */
import { createHash } from 'node:crypto'
import type { ServerName } from '../../core/ids.ts'
import type { OutgoingItem } from '../../storage/outbox.ts'

/** https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1sendtxnid */
export const maxEvents = 50
export const maxEdus = 100

export interface OutgoingTransaction {
  readonly txnId: string
  readonly body: string
}

export interface TransactionContent {
  readonly events: readonly OutgoingItem[]
  readonly edus: readonly OutgoingItem[]
  /** EDUs that are in memory alone. */
  readonly passing: readonly string[]
}

/** What has the same items has the same id, whenever it is made: the other server takes a repeated transaction once. */
export function transactionId(items: readonly OutgoingItem[]): string {
  const ids = items.map(({ id }) => id).join(' ')
  return createHash('sha256').update(ids).digest('base64url').slice(0, 22)
}

/** In canonical form, with all numbers as their room versions have them. */
export function transactionBody(
  { events, edus, passing }: TransactionContent,
  { origin, now }: { readonly origin: ServerName; readonly now: number },
): string {
  const eduTexts = [...edus.map(({ json }) => json), ...passing].join(',')
  const eventTexts = events.map(({ json }) => json).join(',')
  return `{"edus":[${eduTexts}],"origin":${JSON.stringify(origin)},"origin_server_ts":${now},"pdus":[${eventTexts}]}`
}

/** An event that others would refuse along with everything beside it (T03), or that is here no more. */
export function isSendable({ json, depth }: OutgoingItem): boolean {
  return json !== '' && depth >= 0 && depth <= Number.MAX_SAFE_INTEGER
}
