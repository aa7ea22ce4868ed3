/** What a client asks for. https://spec.matrix.org/v1.19/client-server-api/#scope */
import { fitsId, type DeviceId } from '../../core/ids.ts'
import { adminScope } from '../accounts/authentication.ts'
import { OAuthError } from './oauth-error.ts'

/** The stable spelling and that of MSC2967, which Element X has. */
const apiScopes = ['urn:matrix:client:api:*', 'urn:matrix:org.matrix.msc2967.client:api:*']
const devicePrefixes = ['urn:matrix:client:device:', 'urn:matrix:org.matrix.msc2967.client:device:']
/** https://www.rfc-editor.org/rfc/rfc6749#section-3.3 */
const token = /^[\x21\x23-\x5b\x5d-\x7e]+$/

export interface Scope {
  /** As asked, without what this server does not know: so the client finds its own spelling again. */
  readonly text: string
  readonly deviceId: DeviceId
}

/** Throws `invalid_scope` unless it is the whole client API for exactly one device. */
export function parseScope(text: string): Scope {
  const tokens = [...new Set(text.split(' ').filter((part) => part !== ''))]
  if (!tokens.every((part) => token.test(part))) throw new OAuthError('invalid_scope', 'The scope is malformed')
  const deviceIds = new Set(tokens.flatMap((part) => deviceOf(part) ?? []))
  const [deviceId = ''] = deviceIds
  if (deviceIds.size !== 1 || deviceId === '' || !fitsId(deviceId)) {
    throw new OAuthError('invalid_scope', 'The scope must name exactly one device')
  }
  if (!tokens.some((part) => apiScopes.includes(part))) {
    throw new OAuthError('invalid_scope', `The scope must have ${apiScopes[0]}`)
  }
  const known = tokens.filter((part) => apiScopes.includes(part) || part === adminScope || deviceOf(part) !== undefined)
  return { text: known.join(' '), deviceId }
}

/** Only an administrator can pass the right to administrate on. */
export function grantedScope(scope: string, { isAdmin }: { isAdmin: boolean }): string {
  return isAdmin ? scope : scope.replace(adminScope, '').replace('  ', ' ').trim()
}

function deviceOf(part: string): DeviceId | undefined {
  const prefix = devicePrefixes.find((known) => part.startsWith(known))
  return prefix === undefined ? undefined : part.slice(prefix.length)
}
