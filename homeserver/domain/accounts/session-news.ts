/** Tells all who hold something for sessions that it has changed: in this process, and over the bus in others. */
import type { DeviceId, UserId } from '../../core/ids.ts'
import type { Bus } from '../../platform/bus.ts'

export interface SessionChange {
  readonly userId: UserId
  /** The devices whose sessions are over, or all of the user's. Empty if only rights have changed. */
  readonly ended: readonly DeviceId[] | 'all'
  /** Unless told, they are over for good. `expired`: one may log in again with the device. `locked`: until unlocked. */
  readonly how?: 'expired' | 'locked' | undefined
}

const STREAM = 'sessions'

export class SessionNews {
  readonly #bus: Bus

  constructor({ bus }: { bus: Bus }) {
    this.#bus = bus
  }

  /** To be called after the commit. */
  publish({ userId, ...payload }: SessionChange): void {
    this.#bus.publish({ stream: STREAM, writer: 'accounts', position: 0, keys: { users: [userId] }, payload })
  }

  subscribe(listener: (change: SessionChange) => void): void {
    this.#bus.subscribe(({ stream, keys, payload }) => {
      if (stream !== STREAM) return
      const change = payload as Omit<SessionChange, 'userId'> // what `publish` put there
      for (const userId of keys.users ?? []) listener({ userId: userId as UserId, ...change })
    })
  }
}
