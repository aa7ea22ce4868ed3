/** Finds out who asks. */
import type { IncomingMessage } from 'node:http'
import { forbidden, MatrixError, missingToken } from '../core/errors.ts'
import type { ServerName } from '../core/ids.ts'
import type { Requester } from '../domain/accounts/requester.ts'
import { type JsonBody, readJsonBody } from './body.ts'
import type { Endpoint } from './endpoint.ts'
import { isPublic } from './local-network.ts'

/** What the router asks of the accounts. */
export interface Authenticator {
  /**
   * The requester behind an access token, a user's or an application service's. `asUser` and `asDevice` name whom an
   * application service acts for. Throws `M_UNKNOWN_TOKEN`, `M_USER_LOCKED`, and for application services `M_FORBIDDEN`
   * outside of the namespace and `M_UNKNOWN_DEVICE`.
   */
  authenticate(token: string, options: AuthenticateOptions): Promise<Requester>
  /** The id of the application service that has this token. Throws `M_UNKNOWN_TOKEN`. */
  authenticateAppservice(token: string): { readonly appserviceId: string }
  /** Who sits at the command line, if the token was made there. */
  findOperator(token: string): Requester | undefined
}

/** What the router asks of federation. */
export interface ServerAuthenticator {
  /**
   * The server that has signed a request, and the body, which its signature covers and `readBody` reads. Throws
   * `M_UNAUTHORIZED`, and `M_FORBIDDEN` for servers we do not talk to.
   */
  authenticate(
    request: { readonly method: string; readonly uri: string; readonly authorization: readonly string[] },
    readBody: () => Promise<JsonBody | undefined>,
  ): Promise<{ readonly origin: ServerName; readonly content: JsonBody | undefined }>
}

interface AuthenticateOptions {
  readonly asUser?: string
  readonly asDevice?: string
  readonly timestamp?: number
  readonly ip: string
  readonly userAgent: string | undefined
  /** Whether the call works for a locked account. */
  readonly whileLocked: boolean
}

export async function principalOf(
  endpoint: Endpoint,
  request: IncomingMessage,
  query: URLSearchParams,
  ip: string,
  authenticator: Authenticator,
): Promise<Requester | { readonly appserviceId: string } | undefined> {
  if (endpoint.auth === 'none') return undefined
  const token = tokenOf(request, query)
  if (token === undefined) {
    if (endpoint.auth === 'optional') return undefined
    throw missingToken()
  }
  if (endpoint.auth === 'appservice') return authenticator.authenticateAppservice(token)
  if (endpoint.auth === 'admin' && !isPublic(ip)) {
    const operator = authenticator.findOperator(token)
    if (operator) return operator
  }
  const who = await authenticator.authenticate(token, {
    ...(endpoint.asUser ? assertion(query) : {}),
    ip,
    userAgent: request.headers['user-agent'],
    whileLocked: endpoint.whileLocked,
  })
  if (endpoint.auth === 'admin' && !who.isAdmin) throw forbidden('You are not a server admin')
  if (who.isSuspended && !endpoint.whileSuspended) {
    throw new MatrixError(403, 'M_USER_SUSPENDED', 'Your account is suspended: you can read and leave, not write')
  }
  return who
}

/** Another server, and the value of the body, which has to be read to find out. */
export async function serverPrincipalOf(
  endpoint: Endpoint,
  request: IncomingMessage,
  authenticator: ServerAuthenticator,
): Promise<{ readonly who: { readonly origin: ServerName }; readonly body: unknown }> {
  const { method = '', url: uri = '', headersDistinct } = request
  const { origin, content } = await authenticator.authenticate(
    { method, uri, authorization: headersDistinct['authorization'] ?? [] },
    () => readJsonBody(request, { maxBytes: endpoint.maxBody, numbers: 'exact' }),
  )
  return { who: { origin }, body: content?.value }
}

/** By header, or by the query as old clients do. https://spec.matrix.org/v1.19/client-server-api/#using-access-tokens */
export function tokenOf(request: IncomingMessage, query: URLSearchParams): string | undefined {
  const header = request.headers.authorization
  if (header !== undefined) return /^Bearer +(\S+)$/i.exec(header)?.[1]
  return query.get('access_token') ?? undefined
}

/** Whom an application service acts for. https://spec.matrix.org/v1.19/application-service-api/#identity-assertion */
function assertion(query: URLSearchParams): { asUser?: string; asDevice?: string; timestamp?: number } {
  const asUser = query.get('user_id')
  const asDevice = query.get('device_id') ?? query.get('org.matrix.msc3202.device_id')
  const ts = query.get('ts')
  const timestamp = ts === null ? undefined : Number(ts)
  return {
    ...(asUser === null ? {} : { asUser }),
    ...(asDevice === null ? {} : { asDevice }),
    ...(timestamp === undefined ? {} : { timestamp }),
  }
}
