/** Who may do what with the bridge: `telegram.permissions`. What is said of a user goes before what is said of their server. */

/** `relay`: what they say is bridged. `user`: may bridge chats that they run. `admin`: all chats and rooms. */
export type Role = 'relay' | 'user' | 'admin'

export class Permissions {
  readonly #roles: ReadonlyMap<string, Role>
  /** Those who are named, in the order of the settings. */
  readonly admins: readonly string[]

  /** People of `serverName` are users, and others are relayed, unless `given` says otherwise. */
  constructor(serverName: string, given: Readonly<Record<string, Role>> = {}) {
    this.#roles = new Map(
      Object.entries({ '*': 'relay', [serverName]: 'user', ...given } satisfies Record<string, Role>),
    )
    this.admins = Object.keys(given).filter((key) => key.startsWith('@') && given[key] === 'admin')
  }

  roleOf(userId: string): Role {
    const server = userId.slice(userId.indexOf(':') + 1)
    return this.#roles.get(userId) ?? this.#roles.get(server) ?? this.#roles.get('*') ?? 'relay'
  }

  isAdmin(userId: string): boolean {
    return this.roleOf(userId) === 'admin'
  }
}
