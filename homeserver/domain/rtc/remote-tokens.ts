/** Tokens for the SFU of another server: ours asks for its user, who shows that server nothing. */
import { MatrixError } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import type { ServerName, UserId } from '../../core/ids.ts'
import { type FederationClient, federationPath } from '../federation/client.ts'
import { FederationError } from '../federation/federation-error.ts'
import type { CallTokens } from './call-tokens.ts'

const TIMEOUT_MS = 10_000

export class RemoteTokens {
  readonly #client: FederationClient
  readonly #tokens: CallTokens

  constructor({ client, tokens }: { client: FederationClient; tokens: CallTokens }) {
    this.#client = client
    this.#tokens = tokens
  }

  /** `request` is what the other server gets, but for the user. Throws what that server refuses, and 502 for all else. */
  async ask(
    server: ServerName,
    userId: UserId,
    roomId: string,
    request: JsonObject,
  ): Promise<{ readonly jwt: string }> {
    await this.#tokens.check(userId, roomId)
    const path = federationPath`/unstable/io.element.msc4195/rtc/livekit/get_token`
    const body = { ...request, user_id: userId }
    const answer = await this.#client
      .post(server, path, { body, timeoutMs: TIMEOUT_MS })
      .catch((error: unknown): never => {
        throw error instanceof FederationError ? relayed(error) : error
      })
    if (typeof answer['jwt'] !== 'string') throw new MatrixError(502, 'M_UNKNOWN', `${server} gave no token`)
    return { jwt: answer['jwt'] }
  }
}

function relayed(error: FederationError): MatrixError {
  const { status, errcode } = error.remote ?? {}
  const told = (status === 400 && errcode === 'M_INVALID_PARAM') || (status === 403 && errcode === 'M_FORBIDDEN')
  const message = `${error.destination} gives no token for this call`
  return told ? new MatrixError(status, errcode, message) : new MatrixError(502, 'M_UNKNOWN', message, { cause: error })
}
