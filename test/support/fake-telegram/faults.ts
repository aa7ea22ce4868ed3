/** What goes wrong on purpose. */
export type FaultKind =
  | '429'
  | '500'
  | '502html'
  /** As `description` says. */
  | '400'
  | '401'
  | '403'
  | 'hang'
  /** The socket is cut before the call has an effect. */
  | 'dropBefore'
  /** The call has its effect, and the socket is cut instead of an answer. */
  | 'dropAfter'
  | 'badJson'
  /** The answer comes in pieces. */
  | 'slowBody'
  /** The group has another id now: `to`. */
  | 'migrate'

export interface Fault {
  readonly kind: FaultKind
  readonly method?: string
  readonly chat?: number
  /** How many calls go on as usual before. */
  readonly after?: number
  readonly times?: number
  readonly retryAfter?: number
  readonly to?: number
  readonly description?: string
}

export class Faults {
  #faults: { fault: Fault; skip: number; left: number }[] = []

  add(fault: Fault): void {
    this.#faults.push({ fault, skip: fault.after ?? 0, left: fault.times ?? 1 })
  }

  clear(): void {
    this.#faults = []
  }

  /** The fault that this call meets, which is one less for others to meet. */
  take(method: string, chat: number | undefined): Fault | undefined {
    for (const waiting of this.#faults) {
      const { fault } = waiting
      if (fault.method !== undefined && fault.method !== method) continue
      if (fault.chat !== undefined && fault.chat !== chat) continue
      if (waiting.skip > 0) {
        waiting.skip -= 1
        continue
      }
      waiting.left -= 1
      if (waiting.left <= 0) this.#faults = this.#faults.filter((other) => other !== waiting)
      return fault
    }
    return undefined
  }
}
