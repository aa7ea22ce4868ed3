/**
 * Rooms of other servers that we are on the way into. Whoever lets us in sends us events of the room at once, and may be faster
 * than its own answer.
 */
import type { RoomId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'

/** Longer than a small room takes; those who send do not wait for ever. */
const WAIT_MS = 10_000

export class Entrances {
  readonly #clock: Clock
  readonly #underWay = new Map<RoomId, Set<Promise<unknown>>>()

  constructor({ clock }: { clock: Clock }) {
    this.#clock = clock
  }

  async through<T>(roomId: RoomId, enter: () => Promise<T>): Promise<T> {
    const entering = enter()
    const others = this.#underWay.get(roomId) ?? new Set()
    this.#underWay.set(roomId, others.add(entering))
    try {
      return await entering
    } finally {
      others.delete(entering)
      if (others.size === 0) this.#underWay.delete(roomId)
    }
  }

  /** Resolves when we are in the room or have given up, at once for rooms that we are not on the way into, and after some seconds anyway. */
  async settled(roomId: RoomId): Promise<void> {
    const underWay = this.#underWay.get(roomId)
    if (!underWay) return
    const late = new AbortController()
    const wait = this.#clock.sleep(WAIT_MS, late.signal).catch(() => undefined)
    await Promise.race([Promise.allSettled(underWay), wait])
    late.abort()
  }
}
