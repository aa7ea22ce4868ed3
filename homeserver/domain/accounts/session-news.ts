/** Tells all who hold something for sessions that it has changed: in this process, and over the bus in others. */
import type { DeviceId, UserId } from '../../core/ids.ts'
import type { Bus } from '../../platform/bus.ts'

export interface SessionChange {
  readonly userId: UserId
  /** The devices whose sessions are over, or all of the user's. Empty if only rights have changed. */
  readonly ended: readonly DeviceId[] | 'all'
}

const STREAM = 'sessions'

export class SessionNews {
  readonly #bus: Bus

  constructor({ bus }: { bus: Bus }) {
    this.#bus = bus
  }

  /** To be called after the commit. */
  publish({ userId, ended }: SessionChange): void {
    this.#bus.publish({ stream: STREAM, writer: 'accounts', position: 0, keys: { users: [userId] }, payload: ended })
  }

  subscribe(listener: (change: SessionChange) => void): void {
    this.#bus.subscribe(({ stream, keys, payload }) => {
      if (stream !== STREAM) return
      const ended = payload as SessionChange['ended'] // what `publish` put there
      for (const userId of keys.users ?? []) listener({ userId: userId as UserId, ended })
    })
  }
}
