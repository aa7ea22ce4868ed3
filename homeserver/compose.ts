/** Which services there are, and what each is built from, in the order of their dependencies. */
import type { Authenticator } from './http/auth.ts'
import type { Services } from './http/services.ts'
import type { Service } from './platform/lifecycle.ts'
import type { Foundation } from './server.ts'

export interface Composition {
  readonly services: Services
  readonly authenticator: Authenticator
  /** Those with a life of their own, in the order in which they start. */
  readonly runnable: readonly Service[]
}

export async function compose({ config, clock, metrics }: Foundation): Promise<Composition> {
  return { services: { config, clock, metrics }, authenticator: undefined as never, runnable: [] }
}
