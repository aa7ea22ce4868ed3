/** Builds what follows the streams for clients. */
import { Filters } from './filters.ts'
import { Notifier } from './notifier.ts'
import { RoomTails } from './room-tails.ts'
import { SlidingSync } from './sliding/sliding-sync.ts'
import { Sync, type SyncParts } from './v3.ts'

export interface SyncServices {
  readonly sync: Sync
  readonly slidingSync: SlidingSync
  readonly filters: Filters
  readonly notifier: Notifier
}

export function openSync(parts: Omit<SyncParts, 'notifier' | 'tails'>): SyncServices {
  const notifier = new Notifier(parts)
  const tails = new RoomTails(parts)
  const shared = { ...parts, notifier, tails }
  return { sync: new Sync(shared), slidingSync: new SlidingSync(shared), filters: new Filters(parts), notifier }
}
