/** Throws away what nobody can use any more. */
import type { Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'

const EVERY_MS = 10 * 60_000

interface Sweepable {
  sweep(): Promise<void>
}

export class OAuthHousekeeping implements Service {
  readonly name = 'OAuth housekeeping'
  readonly #clock: Clock
  readonly #parts: readonly Sweepable[]
  #sweeping: Promise<void> = Promise.resolve()

  constructor({ clock, parts }: { clock: Clock; parts: readonly Sweepable[] }) {
    this.#clock = clock
    this.#parts = parts
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#sweeping = this.#clock.every(EVERY_MS, this.name, () => this.sweep(), signal)
  }

  async stop(): Promise<void> {
    await this.#sweeping
  }

  async sweep(): Promise<void> {
    for (const part of this.#parts) await part.sweep()
  }
}
