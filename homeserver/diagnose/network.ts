/** How the server is reached: by its own port, by its public name, through TLS; and whether its clock is right. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { Config } from '../config/schema.ts'
import { messageOf } from '../platform/caught.ts'
import type { Clock } from '../platform/clock.ts'
import { fail, type Finding, good, warn } from './finding.ts'

const TIMEOUT_MS = 10_000
const DAY_MS = 86_400_000
const MAX_SKEW_MS = 5_000

export type Ask = (
  url: string,
) => Promise<{ readonly status: number; readonly headers: Headers; readonly text: string }>

export async function lookAtServer({ listen: { host, port } }: Config, asking: Ask): Promise<Finding[]> {
  const own = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host
  const url = `http://${own}:${port}/_matrix/client/versions`
  const found = await tried(() => asking(url))
  if (typeof found === 'string') return [fail('server', `No server answers at ${own}:${port}`, 'npm start')]
  if (found.status === 200) return [good('server', `It answers at ${own}:${port}`)]
  return [fail('server', `Something else answers at ${own}:${port}: ${found.status}`, 'listen: { port: … }')]
}

/** What apps see: the base URL, and the file that leads from the server name to it. */
export async function lookAtNames(config: Config, clock: Clock, asking: Ask): Promise<Finding[]> {
  const { public_url: base, server_name: serverName } = config
  const versions = await tried(() => asking(`${base}/_matrix/client/versions`))
  const wellKnownUrl =
    serverName === 'localhost' ? `${base}/.well-known/matrix/client` : `https://${serverName}/.well-known/matrix/client`
  const wellKnown = await tried(() => asking(wellKnownUrl))
  return [...lookAtBase(base, versions, clock), ...lookAtWellKnown(base, wellKnownUrl, wellKnown)]
}

type Tried = Awaited<ReturnType<Ask>> | string

function lookAtBase(base: string, found: Tried, clock: Clock): Finding[] {
  const fix = 'public_url, the DNS, or the reverse proxy: docs/deployment.md'
  if (typeof found === 'string') return [fail('public_url', `${base} does not answer: ${found}`, fix)]
  if (found.status >= 300 && found.status < 400) return [fail('public_url', `${base} leads somewhere else`, fix)]
  if (found.status !== 200 || !found.text.includes('"versions"')) {
    return [fail('public_url', `Something else answers at ${base}: ${found.status}`, fix)]
  }
  const findings = [good('public_url', `Apps reach the server at ${base}`)]
  if (found.headers.get('access-control-allow-origin') !== '*') {
    findings.push(fail('public_url', 'The proxy takes the CORS headers away: no web app can be used', fix))
  }
  const skew = Math.abs(Date.parse(found.headers.get('date') ?? '') - clock.now())
  if (skew > MAX_SKEW_MS) {
    const what = `The clocks of this machine and of ${new URL(base).host} differ by ${Math.round(skew / 1000)} s`
    findings.push(fail('clock', what, 'timedatectl set-ntp true'))
  }
  return findings
}

function lookAtWellKnown(base: string, url: string, found: Tried): Finding[] {
  const fix = `have ${url} answer {"m.homeserver":{"base_url":"${base}"}} with Access-Control-Allow-Origin: *`
  if (typeof found === 'string') return [warn('well-known', `${url} does not answer: ${found}`, fix)]
  if (found.status !== 200) return [warn('well-known', `${url} answers ${found.status}: people must type ${base}`, fix)]
  let leadsTo: unknown
  try {
    leadsTo = (JSON.parse(found.text) as { 'm.homeserver'?: { base_url?: unknown } })['m.homeserver']?.base_url
  } catch {
    return [fail('well-known', `${url} is no JSON`, fix)]
  }
  if (typeof leadsTo !== 'string' || leadsTo.replace(/\/$/, '') !== base.replace(/\/$/, '')) {
    return [fail('well-known', `${url} leads to ${String(leadsTo)}, not to ${base}`, fix)]
  }
  if (found.headers.get('access-control-allow-origin') !== '*') {
    return [fail('well-known', `${url} has no CORS header: web apps cannot read it`, fix)]
  }
  return [good('well-known', `${url} leads to ${base}`)]
}

/** Our own certificate, where the server has one. */
export async function lookAtTls({ tls, server_name: serverName }: Config, now: number): Promise<Finding[]> {
  if (tls.mode !== 'files' || tls.cert === undefined || tls.key === undefined) return []
  const fix = 'renew it, and restart the server'
  try {
    const [cert, key] = await Promise.all([readFile(tls.cert), readFile(tls.key)])
    const certificate = new X509Certificate(cert)
    const days = Math.floor((Date.parse(certificate.validTo) - now) / DAY_MS)
    if (!certificate.checkPrivateKey(createPrivateKey(key))) {
      return [fail('tls', `${tls.key} does not belong to ${tls.cert}`, 'look at tls.cert and tls.key')]
    }
    const name = serverName.replace(/:\d+$/, '')
    const isForUs = isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)
    if (isForUs === undefined) {
      return [
        warn(
          'tls',
          `The certificate is not for ${name}`,
          `one for ${name}, or delegation by /.well-known/matrix/server`,
        ),
      ]
    }
    if (days < 0) return [fail('tls', 'The certificate is over', fix)]
    return [
      days < 14
        ? warn('tls', `The certificate ends in ${days} days`, fix)
        : good('tls', `The certificate is good for ${days} days`),
    ]
  } catch (error) {
    return [fail('tls', messageOf(error), 'look at tls.cert and tls.key')]
  }
}

/** Whether the SMTP server takes us. */
export async function lookAtMail({ mail }: Config): Promise<Finding[]> {
  if (mail.host === undefined) return []
  const { createTransport } = await import('nodemailer')
  const transport = createTransport({
    host: mail.host,
    port: mail.port,
    secure: mail.encryption === 'tls',
    requireTLS: mail.encryption === 'starttls',
    ignoreTLS: mail.encryption === 'none',
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    ...(mail.user === undefined ? {} : { auth: { user: mail.user, pass: mail.password?.reveal() ?? '' } }),
  })
  try {
    await transport.verify()
    return [good('mail', `${mail.host} takes our letters`)]
  } catch (error) {
    return [
      fail(
        'mail',
        `${mail.host}:${mail.port} does not take our letters: ${messageOf(error)}`,
        'look at mail in the settings',
      ),
    ]
  } finally {
    transport.close()
  }
}

/** What came, or why nothing did. */
export async function tried<T>(asking: () => Promise<T>): Promise<T | string> {
  try {
    return await asking()
  } catch (error) {
    return error instanceof Error && error.cause instanceof Error ? error.cause.message : messageOf(error)
  }
}
