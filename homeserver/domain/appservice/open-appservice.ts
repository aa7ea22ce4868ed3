/** Builds what speaks with application services. */
import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Dns } from '../../platform/dns.ts'
import type { Service } from '../../platform/lifecycle.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { Tracing } from '../../platform/tracing.ts'
import type { Database } from '../../storage/database.ts'
import type { Streams } from '../../storage/streams.ts'
import type { Appservices } from '../accounts/appservices.ts'
import type { DeviceHooks } from '../devices/hooks.ts'
import type { OneTimeKeys } from '../devices/one-time-keys.ts'
import type { AliasMaker, Directory } from '../directory/directory.ts'
import type { Presence } from '../ephemeral/presence.ts'
import type { Typing } from '../ephemeral/typing.ts'
import type { ClientEvents } from '../rooms/client-event.ts'
import type { Members } from '../rooms/members.ts'
import type { Memberships } from '../rooms/membership.ts'
import { AliasQueries } from './alias-queries.ts'
import { AppserviceClient } from './client.ts'
import { AppserviceKeys } from './keys.ts'
import { AppserviceDelivery } from './delivery.ts'
import { Interest } from './interest.ts'
import { appserviceMetrics } from './metrics.ts'
import { AppservicePing } from './ping.ts'
import { TelegramChats } from './telegram-chats.ts'
import { ThirdParty } from './third-party.ts'
import { UserQueries } from './user-queries.ts'

export interface AppserviceServices {
  readonly appservicePing: AppservicePing
  readonly thirdParty: ThirdParty
  readonly telegramChats: TelegramChats
}

export interface AppserviceParts {
  readonly database: Database
  readonly clock: Clock
  readonly dns: Dns
  readonly metrics: Metrics
  readonly tracing: Tracing
  readonly bus: Bus
  readonly streams: Streams
  readonly members: Members
  readonly memberships: Memberships
  readonly appservices: Appservices
  readonly directory: Directory
  readonly clientEvents: ClientEvents
  readonly oneTimeKeys: OneTimeKeys
  readonly typing: Typing
  readonly presence: Presence
  /** Filled here. */
  readonly aliasMakers: AliasMaker[]
  readonly hooks: Pick<DeviceHooks, 'keyKeepers'>
}

export function openAppservice(parts: AppserviceParts): AppserviceServices & { readonly runnable: readonly Service[] } {
  const client = new AppserviceClient(parts)
  const interest = new Interest({ ...parts, aliases: parts.directory })
  const userQueries = new UserQueries({ ...parts, client })
  const metrics = appserviceMetrics(parts.metrics)
  parts.hooks.keyKeepers.push(new AppserviceKeys({ ...parts, client }))
  parts.aliasMakers.push(new AliasQueries({ ...parts, client }))
  return {
    appservicePing: new AppservicePing({ ...parts, client }),
    thirdParty: new ThirdParty({ ...parts, client }),
    telegramChats: new TelegramChats({ ...parts, client }),
    runnable: [new AppserviceDelivery({ ...parts, client, interest, userQueries, metrics })],
  }
}
