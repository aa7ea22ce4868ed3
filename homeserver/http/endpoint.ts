/**
 * An endpoint is a declaration: router, rate limits, documentation and conformance tests all read the same one.
 */
import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import type { ServerName } from '../core/ids.ts'
import type { Requester } from '../domain/accounts/requester.ts'
import type { ErrorAnswer } from './errors.ts'
import type { LimitName } from './rate-limit.ts'
import type { Services } from './services.ts'

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

/**
 * Who may ask: anybody, anybody but a token is looked at, a user, a server administrator, an application service itself,
 * another server, whose signature covers the body.
 */
export type AuthKind = 'none' | 'optional' | 'user' | 'admin' | 'appservice' | 'server'

interface Principals {
  none: undefined
  optional: Requester | undefined
  user: Requester
  admin: Requester
  appservice: { readonly appserviceId: string }
  server: { readonly origin: ServerName }
}

/** `/rooms/:roomId/typing/:userId` gives `{ roomId: string, userId: string }`. */
type Params<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? { readonly [key in Name]: string } & Params<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? { readonly [key in Name]: string }
    : object

export interface Call<Path extends string, Auth extends AuthKind, Query, Body> {
  /** Decoded once; a parameter is never empty, except one named `stateKey` and what `*` stands for at the end of a path. */
  readonly params: Params<Path>
  readonly who: Principals[Auth]
  readonly query: Query
  readonly body: Body
  /** The address of the client, by `trusted_proxies`. */
  readonly ip: string
  /** Aborted when the client goes away or the server stops. */
  readonly signal: AbortSignal
  readonly request: IncomingMessage
  /** The path as asked, without the query: what a UIA session is bound to. */
  readonly path: string
}

/** JSON made by hand, where building objects only to print them would cost too much. */
export class JsonText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** A long body, piece by piece: the next one is asked for when the last one has been sent, so memory may be used again. */
export type Pieces = AsyncIterable<string | Uint8Array>

/** Any other answer: a status of its own, headers, bytes, a redirect. A plain object as body is sent as JSON. */
export class Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: object | string | Buffer | Pieces | undefined
  constructor(status: number, body?: object | string | Buffer | Pieces, headers: Record<string, string> = {}) {
    this.status = status
    this.body = body
    this.headers = headers
  }
}

export type Answer = object | JsonText | Reply

interface Declaration<Path extends string, Auth extends AuthKind, Query extends z.ZodType, Body extends z.ZodType> {
  readonly method: Method
  /** Below the prefixes of `since`, or whole if it begins with `/_` or `/.`. */
  readonly path: Path
  /** The versions of the client API that have it: `r0` is kept for old bots. */
  readonly since?: readonly ('r0' | 'v1' | 'v3')[]
  /** Other absolute paths with the same parameters: unstable prefixes, older names. */
  readonly also?: readonly string[]
  readonly auth: Auth
  readonly limit: LimitName
  /** Whether the call works for a suspended account: what is for its own devices does. Reading always does. */
  readonly whileSuspended?: boolean
  /** Whether the call works for a locked account, as logging out does. */
  readonly whileLocked?: boolean
  /** False where an application service cannot ask as one of its users, whatever the query says: it makes them there. */
  readonly asUser?: boolean
  readonly query?: Query
  /** The schema of a JSON body; `stream` leaves the body to the handler, `none` is for methods that have none. */
  readonly body?: Body | 'stream'
  /** Keeps numbers in the body as they are written, for content of events: `1.0` is not an integer there. Always so with `server`. */
  readonly exactNumbers?: boolean
  /** Bytes; 1 MiB unless told. */
  readonly maxBody?: number
  /** Whether the answer will be long by all likelihood, and is to be made only when few others are; it must not wait for news. */
  readonly isLong?: (query: URLSearchParams) => boolean
  /** Shows a refusal to those who do not read Matrix's JSON, such as people. */
  readonly refuse?: Refuse
  readonly handle: (
    call: Call<Path, Auth, z.output<Query>, z.output<Body>>,
    services: Services,
  ) => Promise<Answer> | Answer
}

export type Refuse = (refusal: ErrorAnswer, request: IncomingMessage) => Reply

/** An endpoint as the router sees it, its inferred types forgotten. */
export interface Endpoint {
  readonly method: Method
  readonly paths: readonly string[]
  readonly auth: AuthKind
  readonly limit: LimitName
  readonly whileSuspended: boolean
  readonly whileLocked: boolean
  readonly asUser: boolean
  readonly query: z.ZodType | undefined
  readonly body: z.ZodType | 'stream' | undefined
  readonly exactNumbers: boolean
  readonly maxBody: number
  readonly isLong: ((query: URLSearchParams) => boolean) | undefined
  readonly refuse: Refuse
  readonly handle: (call: Call<string, AuthKind, unknown, unknown>, services: Services) => Promise<Answer> | Answer
}

const defaultMaxBody = 1024 * 1024
export const asJson: Refuse = ({ status, body, headers }) => new Reply(status, body, headers)

export function endpoint<
  const Path extends string,
  Auth extends AuthKind,
  Query extends z.ZodType = z.ZodUndefined,
  Body extends z.ZodType = z.ZodUndefined,
>(declaration: Declaration<Path, Auth, Query, Body>): Endpoint {
  const { method, path, since = [], also = [], auth, limit, query, body, handle } = declaration
  const own = since.length > 0 ? since.map((version) => `/_matrix/client/${version}${path}`) : [path]
  return {
    method,
    paths: [...own, ...also],
    auth,
    limit,
    whileSuspended: declaration.whileSuspended ?? method === 'GET',
    whileLocked: declaration.whileLocked ?? false,
    asUser: declaration.asUser ?? true,
    query,
    body,
    exactNumbers: declaration.exactNumbers ?? false,
    maxBody: declaration.maxBody ?? defaultMaxBody,
    isLong: declaration.isLong,
    refuse: declaration.refuse ?? asJson,
    // The router parses by `query`, `body` and `auth` before it calls, so the types hold; TypeScript cannot follow that.
    handle: handle as unknown as Endpoint['handle'],
  }
}
