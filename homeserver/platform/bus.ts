/** News that a stream has moved. The data is in the stream's table: a bell lost or rung twice does no harm. */
import { logger } from './log.ts'

export interface Bell {
  readonly stream: string
  readonly writer: string
  /** The greatest id of this writer with nothing unfinished at or below it. */
  readonly position: number
  /** Whom it concerns. */
  readonly keys: { readonly rooms?: readonly string[]; readonly users?: readonly string[] }
  /** Only for streams that live in memory alone, such as typing. */
  readonly payload?: unknown
}

export type Listener = (bell: Bell) => void

export interface Bus {
  publish(bell: Bell): void
  /** Returns the way to leave. */
  subscribe(listener: Listener): () => void
}

const log = logger('bus')

/** The bus of one process: every listener hears a bell before `publish` returns, and all hear them in one order. */
export class MemoryBus implements Bus {
  #listeners: readonly Listener[] = []
  readonly #queue: Bell[] = []
  #ringing = false

  publish(bell: Bell): void {
    this.#queue.push(bell)
    // A bell rung by a listener waits until everybody has heard the one before.
    if (this.#ringing) return
    this.#ringing = true
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) this.#ring(next)
    this.#ringing = false
  }

  subscribe(listener: Listener): () => void {
    // Wrapped, so that the same function subscribed twice is two listeners.
    const own: Listener = (bell) => listener(bell)
    this.#listeners = [...this.#listeners, own]
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== own)
    }
  }

  #ring(bell: Bell): void {
    for (const listener of this.#listeners) {
      try {
        listener(bell)
      } catch (error) {
        log.error({ stream: bell.stream, position: bell.position, error }, 'bus listener failed')
      }
    }
  }
}
