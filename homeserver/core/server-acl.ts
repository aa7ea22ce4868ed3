/** Which servers a room takes part with. https://spec.matrix.org/v1.19/client-server-api/#server-access-control-lists-acls-for-rooms */
import type { Json, JsonObject } from './event.ts'
import { compileGlob } from './glob.ts'
import type { ServerName } from './ids.ts'

/** Whether the content of an `m.room.server_acl` event lets this server take part. */
export function allowsServer(acl: JsonObject, server: ServerName): boolean {
  const host = withoutPort(server).toLowerCase()
  if (acl['allow_ip_literals'] === false && isIpLiteral(host)) return false
  const matches = (patterns: Json | undefined): boolean =>
    Array.isArray(patterns) &&
    patterns.some((pattern) => typeof pattern === 'string' && compileGlob(pattern.toLowerCase())(host))
  return !matches(acl['deny']) && matches(acl['allow'])
}

function withoutPort(server: ServerName): string {
  return server.replace(/:\d+$/, '')
}

function isIpLiteral(host: string): boolean {
  return host.startsWith('[') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host)
}
