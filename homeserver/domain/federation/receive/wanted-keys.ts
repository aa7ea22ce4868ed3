/** Gets the keys of many events before they are needed, side by side: each server that does not answer takes its time. */
import type { ServerName } from '../../../core/ids.ts'
import { type Claim, signaturesBy } from './claim.ts'

type Seek = (server: ServerName, keyId: string) => Promise<unknown>

/** Keys asked for at once. */
const AT_ONCE = 100
/** For one room: who tells of more servers than that has made them up. */
const MAX_KEYS = 20_000

export class WantedKeys {
  readonly #seek: Seek
  readonly #signal: AbortSignal
  readonly #known = new Set<string>()
  readonly #queue: (readonly [server: ServerName, keyId: string])[] = []
  readonly #workers = new Set<Promise<void>>()

  /** Nobody is asked any more when `signal` aborts. */
  constructor(seek: Seek, signal: AbortSignal) {
    this.#seek = seek
    this.#signal = signal
  }

  /** Begins to look for them at once. */
  add(claim: Claim): void {
    for (const server of claim.signers) {
      for (const [keyId] of signaturesBy(claim, server).slice(0, 1)) this.#want(server, keyId)
    }
  }

  /** Resolves when all have been looked for. What is not found is missed later. */
  async settled(): Promise<void> {
    while (this.#workers.size > 0) await Promise.all(this.#workers)
  }

  #want(server: ServerName, keyId: string): void {
    const name = `${keyId} ${server}`
    if (this.#known.has(name) || this.#known.size === MAX_KEYS || this.#signal.aborted) return
    this.#known.add(name)
    this.#queue.push([server, keyId])
    if (this.#workers.size === AT_ONCE) return
    const worker = this.#work().finally(() => this.#workers.delete(worker))
    this.#workers.add(worker)
  }

  async #work(): Promise<void> {
    for (let next = this.#queue.pop(); next && !this.#signal.aborted; next = this.#queue.pop()) {
      await this.#seek(...next).catch(() => undefined) // whoever needs the key meets the same error
    }
  }
}
