/** What went wrong with a request to another server, in a form that our clients may see. */
import { isJsonObject } from '../../core/canonical-json.ts'
import { MatrixError } from '../../core/errors.ts'
import type { Json } from '../../core/event.ts'
import type { ServerName } from '../../core/ids.ts'

/** What the other server answered, for our own decisions; never shown as it is. */
export interface RemoteRefusal {
  readonly status: number
  readonly errcode: string | undefined
  readonly body: Json | undefined
}

/** May be let through to clients (T53): it never says that the session of the client has ended. */
export class FederationError extends MatrixError {
  override name = 'FederationError'
  readonly destination: ServerName
  /** Undefined if there was no answer. */
  readonly remote: RemoteRefusal | undefined

  constructor(
    destination: ServerName,
    shown: { status: number; errcode: string; message: string; extra?: Record<string, unknown> },
    options: { remote?: RemoteRefusal; cause?: unknown } = {},
  ) {
    super(shown.status, shown.errcode, shown.message, { extra: shown.extra ?? {}, cause: options.cause })
    this.destination = destination
    this.remote = options.remote
  }
}

/** What other servers may tell our clients, and with which status we say it. All else is a bad gateway. */
const relayed: Readonly<Record<string, number>> = {
  M_BAD_STATE: 400,
  M_FORBIDDEN: 403,
  M_GUEST_ACCESS_FORBIDDEN: 403,
  M_INCOMPATIBLE_ROOM_VERSION: 400,
  M_INVITE_BLOCKED: 403,
  M_NOT_FOUND: 404,
  M_UNABLE_TO_AUTHORISE_JOIN: 400,
  M_UNABLE_TO_GRANT_JOIN: 400,
  M_UNSUPPORTED_ROOM_VERSION: 400,
}

const MAX_MESSAGE = 300

/** `body` is what the answer holds, as far as it is JSON. */
export function refusedBy(destination: ServerName, status: number, body: Json | undefined): FederationError {
  const fields = isJsonObject(body) ? body : {}
  const errcode = typeof fields['errcode'] === 'string' ? fields['errcode'] : undefined
  const remote = { status, errcode, body }
  const ownStatus = errcode !== undefined && Object.hasOwn(relayed, errcode) ? relayed[errcode] : undefined
  if (errcode === undefined || ownStatus === undefined) {
    const message = `${destination} answered with status ${status}`
    return new FederationError(destination, { status: 502, errcode: 'M_UNKNOWN', message }, { remote })
  }
  const text = typeof fields['error'] === 'string' ? fields['error'].slice(0, MAX_MESSAGE) : errcode
  const { room_version: version } = fields
  const extra =
    errcode === 'M_INCOMPATIBLE_ROOM_VERSION' && typeof version === 'string' ? { room_version: version } : {}
  const shown = { status: ownStatus, errcode, message: `${destination}: ${text}`, extra }
  return new FederationError(destination, shown, { remote })
}

/** There was no answer, or none that can be used. `reason` completes "hs.example …". */
export function unusable(destination: ServerName, reason: string, cause?: unknown): FederationError {
  const message = `${destination} ${reason}`
  return new FederationError(destination, { status: 502, errcode: 'M_UNKNOWN', message }, { cause })
}
