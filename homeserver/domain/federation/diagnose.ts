/**
 * Looks at the way to another server hop by hop, and says which one fails and what mends it. What it finds is what the
 * server finds: the same names, limits and certificates, but without what is remembered.
 */
import { isJsonObject, parseJson } from '../../core/canonical-json.ts'
import type { Json } from '../../core/event.ts'
import { isServerName, type ServerName } from '../../core/ids.ts'
import { messageOf } from '../../platform/caught.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Dns } from '../../platform/dns.ts'
import type { Fetched, Fetcher } from '../../platform/fetch.ts'
import { FetchError } from '../../platform/fetch-error.ts'
import { urlOf } from './client.ts'
import { BadKeyDocumentError, maxKeyDocumentBytes, readKeyDocument } from './key-document.ts'
import { createResolveServer, type Target } from './resolve-server.ts'
import { WellKnown } from './well-known.ts'

interface Hop {
  readonly hop: 'name' | 'well-known' | 'resolve' | 'dns' | 'tls' | 'connect' | 'keys' | 'version'
  readonly ok: boolean
  /** A sentence without its full stop. */
  readonly detail: string
  /** What mends it, and whose task that is. */
  readonly fix?: string
}

export interface Diagnosis {
  readonly server: string
  /** Whether the server can be talked with by at least one of its addresses. */
  readonly ok: boolean
  /** In the order in which they were tried. */
  readonly hops: readonly Hop[]
}

export interface DiagnoseParts {
  readonly dns: Dns
  readonly fetch: Fetcher
  readonly clock: Clock
}

const TIMEOUT_MS = 10_000
const MAX_TARGETS = 5

/** Never throws for what the other side does. */
export async function diagnose(parts: DiagnoseParts, server: string): Promise<Diagnosis> {
  if (!isServerName(server)) {
    const detail = 'This is not the name of a server'
    const fix = 'Give the part of a user id after the first colon, such as example.org'
    return { server, ok: false, hops: [{ hop: 'name', ok: false, detail, fix }] }
  }
  const hops: Hop[] = []
  const delegation = await lookAtWellKnown(parts, server)
  if (delegation) hops.push(delegation)
  const wellKnown = new WellKnown(parts)
  const targets = await createResolveServer({ ...parts, wellKnown })(server)
  const places = targets.map(({ host, port, by }) => `${host}:${port} (${ways[by]})`)
  hops.push({ hop: 'resolve', ok: true, detail: `${server} is to be found at ${places.join(', ')}` })
  for (const target of targets.slice(0, MAX_TARGETS)) {
    const found = await lookAtTarget(parts, server, target)
    hops.push(...found)
    if (found.every(({ ok }) => ok)) return { server, ok: true, hops }
  }
  return { server, ok: false, hops }
}

const ways: Readonly<Record<Target['by'], string>> = {
  address: 'an address',
  port: 'a port that is named',
  srv: 'SRV record _matrix-fed._tcp',
  'srv-deprecated': 'SRV record _matrix._tcp',
  default: 'the port by default',
}

/** Undefined for a name that has no say in it: one with a port, or an address. */
async function lookAtWellKnown({ fetch }: DiagnoseParts, server: ServerName): Promise<Hop | undefined> {
  if (/:\d+$|^\[|^[\d.]+$/.test(server)) return undefined
  const url = `https://${server}/.well-known/matrix/server`
  const hop = 'well-known'
  try {
    const { status, body } = await fetch(url, { redirects: 5, protocols: ['https:'], timeoutMs: TIMEOUT_MS })
    if (status !== 200) return { hop, ok: true, detail: `${url} answers ${status}: nothing is delegated` }
    const document = jsonOf(body)
    const name = isJsonObject(document) ? document['m.server'] : undefined
    if (typeof name === 'string' && isServerName(name)) return { hop, ok: true, detail: `${url} delegates to ${name}` }
    const fix = `The administrator of ${server} has to serve {"m.server": "host:port"} there, or nothing at all (404)`
    return { hop, ok: false, detail: `${url} is there, but has no m.server that is the name of a server`, fix }
  } catch (error) {
    return { hop, ok: true, detail: `${url} cannot be read (${reasonOf(error)}): nothing is delegated` }
  }
}

async function lookAtTarget(parts: DiagnoseParts, server: ServerName, target: Target): Promise<Hop[]> {
  const hops: Hop[] = []
  try {
    const addresses = await parts.dns.addresses(target.host)
    hops.push({ hop: 'dns', ok: true, detail: `${target.host} has the addresses ${addresses.join(', ')}` })
  } catch {
    const fix = `${target.host} needs an A or AAAA record; if this machine alone does not see it, look at its resolver`
    return [{ hop: 'dns', ok: false, detail: `${target.host} has no address`, fix }]
  }
  const keys = await ask(parts, target, '/_matrix/key/v2/server')
  if (keys instanceof Error) return [...hops, unreachable(keys, target)]
  hops.push({ hop: 'tls', ok: true, detail: `The certificate is good for ${target.certificateName ?? target.host}` })
  hops.push(keysHop(parts, server, target, keys))
  const version = await ask(parts, target, '/_matrix/federation/v1/version')
  return [...hops, version instanceof Error ? unreachable(version, target) : versionHop(target, version)]
}

async function ask({ fetch }: DiagnoseParts, target: Target, path: string): Promise<Fetched<Buffer> | Error> {
  const { certificateName } = target
  try {
    return await fetch(urlOf(target, path), {
      headers: { host: target.hostHeader },
      maxBytes: maxKeyDocumentBytes,
      timeoutMs: TIMEOUT_MS,
      ...(certificateName === undefined ? {} : { servername: certificateName }),
    })
  } catch (error) {
    if (error instanceof Error) return error
    throw error
  }
}

function keysHop({ clock }: DiagnoseParts, server: ServerName, target: Target, { status, body }: Fetched<Buffer>): Hop {
  const hop = 'keys'
  const url = `${target.hostHeader}/_matrix/key/v2/server`
  if (status !== 200) {
    const fix = `Behind ${target.host}:${target.port} there seems to be no Matrix server, or its reverse proxy does not pass /_matrix on`
    return { hop, ok: false, detail: `${url} answers ${status}`, fix }
  }
  try {
    const { keys, validUntilTs } = readKeyDocument(jsonOf(body), server)
    const names = keys.filter(({ expiredTs }) => expiredTs === undefined).map(({ keyId }) => keyId)
    if (validUntilTs > clock.now()) return { hop, ok: true, detail: `It signs with ${names.join(', ')}` }
    const detail = `Its keys were valid until ${new Date(validUntilTs).toISOString()} only`
    return { hop, ok: false, detail, fix: 'Compare the clocks of both machines: one of them is wrong' }
  } catch (error) {
    if (!(error instanceof BadKeyDocumentError)) throw error
    const fix = `The server there calls itself otherwise, or something on the way changes its answers: compare server_name and the delegation of ${server}`
    return { hop, ok: false, detail: `Its keys cannot be believed. ${error.message}`, fix }
  }
}

function versionHop(target: Target, { status, body }: Fetched<Buffer>): Hop {
  const document = status === 200 ? jsonOf(body) : undefined
  const server = isJsonObject(document) ? document['server'] : undefined
  if (isJsonObject(server)) {
    const { name, version } = server
    const detail = typeof name === 'string' && typeof version === 'string' ? `It is ${name} ${version}` : 'It answers'
    return { hop: 'version', ok: true, detail }
  }
  const fix = 'Its federation may be switched off, or its reverse proxy passes only a part of /_matrix on'
  return { hop: 'version', ok: false, detail: `${target.hostHeader} does not say what it is (status ${status})`, fix }
}

function unreachable(error: Error, { host, port, certificateName }: Target): Hop {
  const code = codeOf(error)
  if (code !== undefined && /CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO/.test(code)) {
    const fix = `Its certificate has to be from a known authority, in time, with its chain, and for the name ${certificateName ?? host}; add a private authority as outgoing.ca_file`
    return { hop: 'tls', ok: false, detail: `The certificate of ${host}:${port} is not accepted (${code})`, fix }
  }
  const denied = error instanceof FetchError && error.failure === 'denied'
  const fix = denied
    ? 'The address is a private one: allow it by outgoing.allow_ranges if that is what you want'
    : `Nothing listens at ${host}:${port}, or a firewall on either side stops it`
  return { hop: 'connect', ok: false, detail: `${host}:${port} cannot be reached (${reasonOf(error)})`, fix }
}

function reasonOf(error: unknown): string {
  return codeOf(error) ?? messageOf(error)
}

/** That of the deepest cause which has one. */
function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { cause, code } = error as { cause?: unknown; code?: unknown } // any object may be asked for them
  return codeOf(cause) ?? (typeof code === 'string' ? code : undefined)
}

function jsonOf(body: Buffer): Json | undefined {
  try {
    return parseJson(body.toString('utf8'))
  } catch {
    return undefined
  }
}
