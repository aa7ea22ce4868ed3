/**
 * Where two devices of one person leave each other messages while one logs the other in by QR code. They are encrypted,
 * and gone after minutes: memory will do. MSC4108 and MSC4388 are two dialects of it.
 */
import { randomBytes } from 'node:crypto'
import { notFound, tooLarge } from '../../core/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import { Lru } from '../../platform/lru.ts'
import { maxRendezvous, maxRendezvousBytes } from '../limits.ts'

export interface Rendezvous {
  readonly id: string
  readonly data: string
  /** Another one after each change: the ETag of one dialect, the sequence token of the other. */
  readonly version: string
  /** The version before, of which a client may not know that it was replaced. */
  readonly previous: string | undefined
  readonly changedTs: number
  readonly expiresTs: number
}

const LIFETIME_MS = 5 * 60_000

export class RendezvousPoints {
  readonly #clock: Clock
  readonly #points = new Lru<string, Rendezvous>(maxRendezvous)

  constructor({ clock }: { clock: Clock }) {
    this.#clock = clock
  }

  /** Throws `M_TOO_LARGE`. */
  create(data: string): Rendezvous {
    refuseLong(data)
    const now = this.#clock.steady()
    const id = randomBytes(24).toString('base64url')
    const point = { id, data, version: newVersion(), previous: undefined, changedTs: now, expiresTs: now + LIFETIME_MS }
    this.#points.set(id, point)
    return point
  }

  /** Throws `M_NOT_FOUND`. */
  get(id: string): Rendezvous {
    const point = this.#points.get(id)
    if (!point || point.expiresTs <= this.#clock.steady()) throw notFound('There is no such rendezvous, or it is over')
    return point
  }

  /** The point as it stands then: unchanged if `version` is not the one that is there. Throws `M_NOT_FOUND` and `M_TOO_LARGE`. */
  update(id: string, version: string, data: string): { readonly point: Rendezvous; readonly isUpdated: boolean } {
    const point = this.get(id)
    refuseLong(data)
    if (point.version !== version) return { point, isUpdated: false }
    const changed = { ...point, data, version: newVersion(), previous: version, changedTs: this.#clock.steady() }
    this.#points.set(id, changed)
    return { point: changed, isUpdated: true }
  }

  /** Throws `M_NOT_FOUND`. */
  remove(id: string): void {
    this.get(id)
    this.#points.delete(id)
  }
}

function refuseLong(data: string): void {
  if (Buffer.byteLength(data) > maxRendezvousBytes) throw tooLarge(`A message has at most ${maxRendezvousBytes} bytes`)
}

function newVersion(): string {
  return randomBytes(12).toString('base64url')
}
