/**
 * How the command line asks a server that runs: as its operator, who can read its secrets anyway. The token is made of
 * the shared secret for the moment, and no row of any table.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

const LIFE_MS = 5 * 60_000

export function operatorToken(secret: string, now: number): string {
  const expires = String(now + LIFE_MS)
  return `dmvo_${expires}_${macOf(secret, expires).toString('base64url')}`
}

export function isOperatorToken(token: string, secret: string, now: number): boolean {
  const [, expires = '', mac = ''] = /^dmvo_(\d{1,15})_([\w-]{43})$/.exec(token) ?? []
  if (Number(expires) < now || Number(expires) > now + LIFE_MS) return false
  const given = Buffer.from(mac, 'base64url')
  const expected = macOf(secret, expires)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

function macOf(secret: string, expires: string): Buffer {
  return createHmac('sha256', secret).update(`domovoi operator until ${expires}`).digest()
}
