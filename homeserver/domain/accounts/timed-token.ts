/**
 * Tokens that are good for one purpose until a moment which they name themselves. Whoever knows the secret makes and
 * checks them, and nothing of them is kept anywhere.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

export interface TimedTokenUse {
  readonly secret: string
  /** Keeps the tokens of one use out of every other. */
  readonly purpose: string
  readonly lifeMs: number
}

/** Letters, digits, `-` and `_` only. */
export function timedToken({ lifeMs, ...use }: TimedTokenUse, now: number): string {
  const expires = String(now + lifeMs)
  return `${expires}_${macOf(use, expires).toString('base64url')}`
}

export function isTimedToken(token: string, { lifeMs, ...use }: TimedTokenUse, now: number): boolean {
  const [, expires = '', mac = ''] = /^(\d{1,15})_([\w-]{43})$/.exec(token) ?? []
  if (Number(expires) <= now || Number(expires) > now + lifeMs) return false
  const given = Buffer.from(mac, 'base64url')
  const expected = macOf(use, expires)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

function macOf({ secret, purpose }: Omit<TimedTokenUse, 'lifeMs'>, expires: string): Buffer {
  return createHmac('sha256', secret).update(`domovoi ${purpose} until ${expires}`).digest()
}
