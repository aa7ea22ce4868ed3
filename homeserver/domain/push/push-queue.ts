/** What one pusher has to tell, whatever the way it goes. */
import type { Pusher } from '../../storage/pushers.ts'
import type { Notice } from './delivery-queue.ts'

export interface PushQueue {
  /** Of the pusher. */
  readonly id: number
  readonly isIdle: boolean
  /** The place up to which everything was told; undefined if nothing waits, or if it is kept with the pusher. */
  readonly told: number | undefined
  offer(notice: Notice): void
  /** The user has read something somewhere. */
  recount(): void
  /** The pusher was set again. */
  renew(pusher: Pusher): void
  /** Resolves when nothing is on its way any more. */
  close(): Promise<void>
}
