/** Sends users letters of what they have missed. */
import type { Counter, Metrics } from '../../platform/metrics.ts'
import type { Database } from '../../storage/database.ts'
import { findThreePid } from '../../storage/threepids.ts'
import type { Mailer } from '../accounts/threepids/mailer.ts'
import { digestLetter } from './mail-digest.ts'
import type { MailWorld } from './mail-queue.ts'
import type { Notices } from './notices.ts'

export interface MailDigestsParts {
  readonly database: Database
  readonly mailer: Mailer
  readonly metrics: Metrics
  readonly notices: Notices
  readonly serverName: string
}

export class MailDigests {
  readonly #parts: MailDigestsParts
  readonly #sent: Counter<'result'>

  constructor(parts: MailDigestsParts) {
    this.#parts = parts
    this.#sent = parts.metrics.counter('push_mails_total', 'Letters to users who missed something', ['result'])
  }

  /** `rejected`: the address is not the user's any more. */
  readonly send: MailWorld['mail'] = async ({ userId, pushkey }, events, hasMore) => {
    const { database, mailer, notices, serverName } = this.#parts
    const owner = await findThreePid(database, { medium: 'email', address: pushkey })
    if (owner?.userId !== userId) return 'rejected'
    const missed = await Promise.all(events.map(async (event) => ({ event, around: await notices.around(event) })))
    const result = await mailer.send(digestLetter({ to: pushkey, serverName, missed, hasMore })).then(
      () => 'accepted' as const,
      () => 'failed' as const, // the mailer has told why
    )
    this.#sent.inc({ result })
    return result
  }
}
