/** Which servers a room takes part with. https://spec.matrix.org/v1.19/client-server-api/#server-access-control-lists-acls-for-rooms */
import type { Json, JsonObject } from './event.ts'
import { compileGlob, type Matcher } from './glob.ts'
import type { ServerName } from './ids.ts'

/** Whether a server may take part. */
export type ServerAcl = (server: ServerName) => boolean

/** Whether the content of an `m.room.server_acl` event lets this server take part. */
export function allowsServer(acl: JsonObject, server: ServerName): boolean {
  return compileAcl(acl)(server)
}

/** For content that is asked about more than once. The number of its patterns is bounded by the size of an event (T19). */
export function compileAcl({ allow, deny, allow_ip_literals: allowIpLiterals }: JsonObject): ServerAcl {
  const [allowed, denied] = [anyOf(allow), anyOf(deny)]
  return (server) => {
    const host = withoutPort(server).toLowerCase()
    if (allowIpLiterals === false && isIpLiteral(host)) return false
    return !denied(host) && allowed(host)
  }
}

/** Matches what one of the patterns matches; most are plain names, and those are looked up. */
function anyOf(patterns: Json | undefined): Matcher {
  if (!Array.isArray(patterns)) return () => false
  const texts = new Set<string>()
  for (const pattern of patterns) if (typeof pattern === 'string') texts.add(pattern.toLowerCase())
  if (texts.has('*')) return () => true
  const globs = [...texts].filter((text) => /[*?]/.test(text)).map((text) => compileGlob(text))
  return (host) => texts.has(host) || globs.some((matches) => matches(host))
}

function withoutPort(server: ServerName): string {
  return server.replace(/:\d+$/, '')
}

function isIpLiteral(host: string): boolean {
  return host.startsWith('[') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host)
}
