/** Whose OpenID token somebody shows: ours are looked up, others' home servers are asked (T90). */
import { isUserId, type ServerName, serverNameOf, type UserId } from '../../core/ids.ts'
import { MatrixError } from '../../core/errors.ts'
import { logger } from '../../platform/log.ts'
import type { OpenIdTokens } from '../accounts/openid-tokens.ts'
import { type FederationClient, federationPath } from '../federation/client.ts'

const log = logger('calls')

export interface OpenIdToken {
  readonly access_token: string
  readonly matrix_server_name: ServerName
}

const TIMEOUT_MS = 10_000
const MAX_BYTES = 65_536

export class OpenIdCheck {
  readonly #serverName: ServerName
  readonly #tokens: OpenIdTokens
  readonly #client: FederationClient

  constructor({
    serverName,
    tokens,
    client,
  }: {
    serverName: ServerName
    tokens: OpenIdTokens
    client: FederationClient
  }) {
    this.#serverName = serverName
    this.#tokens = tokens
    this.#client = client
  }

  /** Undefined whatever is wrong with it: who shows it learns no more. */
  async userOf({ access_token: token, matrix_server_name: server }: OpenIdToken): Promise<UserId | undefined> {
    try {
      const userId = server === this.#serverName ? await this.#tokens.userOf(token) : await this.#ask(server, token)
      // a server may vouch for its own users only
      return serverNameOf(userId) === server ? userId : undefined
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
      log.info({ server, problem: error.message }, 'OpenID token not confirmed')
      return undefined
    }
  }

  async #ask(server: ServerName, token: string): Promise<UserId> {
    const { sub } = await this.#client.get(server, federationPath`/v1/openid/userinfo`, {
      query: { access_token: token },
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
    })
    if (!isUserId(sub)) throw new MatrixError(401, 'M_UNAUTHORIZED', `${server} did not say whose token it is`)
    return sub
  }
}
