/** So many at a time for each key; the others wait for their turn, first come first served. */
export class Slots {
  readonly #perKey: number
  readonly #maxWaiting: number
  readonly #busy = new Map<string, { active: number; readonly waiting: Set<() => void> }>()

  /** `maxWaiting` for each key; who comes on top of that is refused. */
  constructor({ perKey, maxWaiting }: { perKey: number; maxWaiting: number }) {
    this.#perKey = perKey
    this.#maxWaiting = maxWaiting
  }

  /** Rejects with `NoSlotError` when too many wait, and with the reason of `signal` when that is aborted while waiting. */
  async run<T>(key: string, fn: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    let state = this.#busy.get(key)
    if (!state) this.#busy.set(key, (state = { active: 0, waiting: new Set() }))
    if (state.active < this.#perKey) state.active++
    else await this.#wait(state.waiting, signal)
    try {
      return await fn()
    } finally {
      const [next] = state.waiting
      if (next) next()
      else if (--state.active === 0) this.#busy.delete(key)
    }
  }

  /** Resolves with a slot that somebody passes on. */
  #wait(waiting: Set<() => void>, signal: AbortSignal | undefined): Promise<void> {
    if (waiting.size >= this.#maxWaiting) throw new NoSlotError(`More than ${this.#maxWaiting} are waiting`)
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.delete(turn)
        signal?.removeEventListener('abort', onAbort)
      }
      const turn = (): void => {
        leave()
        resolve()
      }
      const onAbort = (): void => {
        leave()
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      waiting.add(turn)
    })
  }
}

export class NoSlotError extends Error {
  override name = 'NoSlotError'
}
