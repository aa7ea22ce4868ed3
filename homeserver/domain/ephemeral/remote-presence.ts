/** The presence of users of other servers, as these tell it. It runs out where they tell nothing more. */
import type { UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { PresenceRow, PresenceState } from '../../storage/presence.ts'

/** One entry of an EDU, looked over. https://spec.matrix.org/v1.19/server-server-api/#presence */
export interface RemoteReport {
  readonly state: PresenceState
  readonly lastActiveAgo: number
  readonly currentlyActive: boolean
  readonly statusMsg: string | null
}

type Values = Omit<PresenceRow, 'stream_id'>

const EXPIRES_MS = 1_800_000
const MAX_USERS = 50_000
const MAX_STATUS_LENGTH = 2_048

export class RemotePresence {
  readonly #clock: Clock
  /** Who is not offline, in the order in which they were last heard of. */
  readonly #present = new Map<UserId, { readonly values: Values; readonly until: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What is to be stored; undefined when there are too many. */
  accept(userId: UserId, { state, lastActiveAgo, currentlyActive, statusMsg }: RemoteReport): Values | undefined {
    const values: Values = {
      user_id: userId,
      state,
      status_msg: statusMsg?.slice(0, MAX_STATUS_LENGTH).replaceAll('\0', '').toWellFormed() ?? null,
      last_active_ts: Math.max(0, this.#clock.steady() - Math.max(0, lastActiveAgo)),
      currently_active: currentlyActive ? 1 : 0,
    }
    return this.seen(values) ? values : undefined
  }

  /** False when there are too many. */
  seen(values: Values): boolean {
    this.#present.delete(values.user_id)
    if (values.state === 'offline') return true
    if (this.#present.size >= MAX_USERS) return false
    this.#present.set(values.user_id, { values, until: this.#clock.steady() + EXPIRES_MS })
    return true
  }

  /** Those nothing was heard of for long, as offline. */
  takeGone(): Values[] {
    const now = this.#clock.steady()
    const gone: Values[] = []
    for (const [userId, { values, until }] of this.#present) {
      if (until > now) break
      this.#present.delete(userId)
      gone.push({ ...values, state: 'offline', currently_active: 0 })
    }
    return gone
  }
}
