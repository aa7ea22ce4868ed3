/** Who else can say who somebody is. */

export interface SsoProvider {
  /** Opaque; clients lead to `/login/sso/redirect/<id>` with it. */
  readonly id: string
  readonly name: string
  /** What clients may have a picture for. https://github.com/matrix-org/matrix-spec/blob/main/informal/idp-brands.md */
  readonly brand?: string | undefined
  /** The page that begins it. */
  readonly path: string
  /** Whether strangers get an account: any, those with an invitation, none. */
  readonly signUps: 'open' | 'invite' | 'closed'
  /** False as long as it cannot be used. */
  isReady(): boolean
}

export class SsoProviders {
  readonly #all: readonly SsoProvider[]

  /** The list may grow until the server runs. */
  constructor(all: readonly SsoProvider[]) {
    this.#all = all
  }

  /** Those that can be used now. */
  get ready(): readonly SsoProvider[] {
    return this.#all.filter((provider) => provider.isReady())
  }

  find(id: string): SsoProvider | undefined {
    return this.ready.find((provider) => provider.id === id)
  }
}
