/** Builds what sends events later. */
import type { Config } from '../../config/schema.ts'
import type { Clock } from '../../platform/clock.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import type { Background, Service } from '../../platform/lifecycle.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { Database } from '../../storage/database.ts'
import type { AccountHooks } from '../accounts/hooks.ts'
import type { Members } from '../rooms/members.ts'
import type { EventSender } from '../rooms/send.ts'
import type { RoomState } from '../rooms/state.ts'
import { DelayedEvents } from './delayed-events.ts'
import { DelayedSender } from './delayed-sender.ts'
import { DelayedTimer } from './delayed-timer.ts'

export interface DelayedEventServices {
  readonly delayedEvents: DelayedEvents
}

interface Parts {
  readonly config: Config
  readonly clock: Clock
  readonly background: Background
  readonly metrics: Metrics
  readonly database: Database
  readonly members: Members
  readonly eventSender: EventSender
  readonly roomState: RoomState
  readonly hooks: Pick<AccountHooks, 'departures'>
}

export function openDelayedEvents(parts: Parts): DelayedEventServices & { readonly runnable: readonly Service[] } {
  const locks = new KeyedLock({ name: 'a delayed event', hidesKeys: true })
  const sender = new DelayedSender(parts)
  const timer = new DelayedTimer({ ...parts, sender, locks })
  const delayedEvents = new DelayedEvents({ ...parts, sender, timer, locks, maxDelay: parts.config.calls.max_delay })
  parts.hooks.departures.push(delayedEvents)
  return { delayedEvents, runnable: [timer] }
}
