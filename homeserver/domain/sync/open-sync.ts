/** Builds what follows the streams for clients. */
import { Filters } from './filters.ts'
import { Notifier } from './notifier.ts'
import { RoomTails } from './room-tails.ts'
import { Sync, type SyncParts } from './v3.ts'

export interface SyncServices {
  readonly sync: Sync
  readonly filters: Filters
  readonly notifier: Notifier
}

export function openSync(parts: Omit<SyncParts, 'notifier' | 'tails'>): SyncServices {
  const notifier = new Notifier(parts)
  const tails = new RoomTails(parts)
  return { sync: new Sync({ ...parts, notifier, tails }), filters: new Filters(parts), notifier }
}
