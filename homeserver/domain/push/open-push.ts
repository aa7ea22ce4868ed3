/** Builds all that tells users of what happens: rules, counts, pushers. */
import type { Config } from '../../config/schema.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetcher } from '../../platform/fetch.ts'
import type { Background, Service } from '../../platform/lifecycle.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { Tracing } from '../../platform/tracing.ts'
import type { Database } from '../../storage/database.ts'
import type { Streams } from '../../storage/streams.ts'
import type { AccountHooks } from '../accounts/hooks.ts'
import type { Mailer } from '../accounts/threepids/mailer.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { Members } from '../rooms/members.ts'
import type { Retention } from '../rooms/retention/policy.ts'
import { Badges } from './badges.ts'
import { PushDelivery } from './delivery.ts'
import { Evaluation, type IgnoredUsers } from './evaluation.ts'
import { Gateways } from './gateway.ts'
import { MailDigests } from './mail-digests.ts'
import { Notices } from './notices.ts'
import { Notifications } from './notifications.ts'
import { Outcomes } from './outcomes.ts'
import { PushRules } from './push-rules.ts'
import { Pushers } from './pushers.ts'
import { ThreadFollowers } from './thread-followers.ts'
import { UnreadCounts } from './unread-counts.ts'
import { Vapid } from './vapid.ts'
import { WebPush } from './web-push.ts'

export interface PushServices {
  readonly pushRules: PushRules
  readonly pushers: Pushers
  readonly unreadCounts: UnreadCounts
  readonly notifications: Notifications
  readonly vapid: Vapid
}

export interface PushParts {
  readonly config: Pick<Config, 'data_dir' | 'public_url' | 'server_name'>
  readonly database: Database
  readonly bus: Bus
  readonly streams: Streams
  readonly clock: Clock
  readonly background: Background
  readonly metrics: Metrics
  readonly tracing: Tracing
  readonly fetch: Fetcher
  readonly events: EventCache
  readonly members: Members
  readonly ignored: IgnoredUsers
  readonly retention: Retention
  readonly mailer: Mailer
  readonly serverName: string
  /** Pushers end with sessions and accounts. */
  readonly hooks: AccountHooks
}

export function openPush({
  hooks,
  ...parts
}: PushParts): PushServices & { readonly evaluation: Evaluation; readonly runnable: readonly Service[] } {
  const pushRules = new PushRules(parts)
  const { data_dir: dataDir, public_url: publicUrl, server_name: serverName } = parts.config
  const contact = publicUrl.startsWith('https:') ? publicUrl : `mailto:postmaster@${serverName}`
  const vapid = new Vapid({ ...parts, keyFile: `${dataDir}/secrets/vapid_key`, contact })
  const gateways = new Gateways(parts)
  const webPush = new WebPush({ gateways, vapid })
  const pushers = new Pushers({ ...parts, webPush })
  hooks.devices.push(pushers)
  hooks.departures.push(pushers)
  const unreadCounts = new UnreadCounts(parts)
  const followers = new ThreadFollowers(parts)
  const outcomes = new Outcomes({ ...parts, rules: pushRules, followers })
  const notices = new Notices(parts)
  const delivery = new PushDelivery({
    ...parts,
    pushers,
    notices,
    outcomes,
    badges: new Badges({ ...parts, unreadCounts }),
    gateways,
    webPush,
    digests: new MailDigests({ ...parts, notices }),
  })
  return {
    pushRules,
    pushers,
    vapid,
    unreadCounts,
    notifications: new Notifications({ ...parts, outcomes }),
    evaluation: new Evaluation({ ...parts, rules: pushRules, followers }),
    runnable: [delivery],
  }
}
