/** JSON web tokens as LiveKit has them: HS256, by the secret of an API key. https://www.rfc-editor.org/rfc/rfc7519 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import type { Secret } from '../../platform/secret.ts'

export interface ApiKey {
  readonly id: string
  readonly secret: Secret
}

type Claims = Readonly<Record<string, unknown>>

/** Clocks of two machines may differ by this much. */
const LEEWAY_S = 60

const header = base64url(JSON.stringify({ alg: 'HS256', typ: 'JWT' }))

export function signJwt(claims: Claims, { id, secret }: ApiKey): string {
  const signed = `${header}.${base64url(JSON.stringify({ iss: id, ...claims }))}`
  return `${signed}.${macOf(signed, secret).toString('base64url')}`
}

/** The claims of a token that the holder of the key made and that counts now; else undefined. */
export function verifyJwt(token: string, { id, secret }: ApiKey, clock: Pick<Clock, 'now'>): Claims | undefined {
  const [head = '', payload = '', mac = '', ...rest] = token.split('.')
  const expected = macOf(`${head}.${payload}`, secret)
  const given = Buffer.from(mac, 'base64url')
  if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
  const claims = claimsIn(payload)
  const now = clock.now() / 1000
  const { iss, nbf = 0, exp } = claims ?? {}
  if (claimsIn(head)?.['alg'] !== 'HS256' || iss !== id) return undefined
  if (typeof nbf !== 'number' || typeof exp !== 'number') return undefined
  return nbf <= now + LEEWAY_S && exp > now - LEEWAY_S ? claims : undefined
}

function macOf(signed: string, secret: Secret): Buffer {
  return createHmac('sha256', secret.reveal()).update(signed).digest()
}

function claimsIn(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Claims) : undefined
  } catch {
    return undefined
  }
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}
