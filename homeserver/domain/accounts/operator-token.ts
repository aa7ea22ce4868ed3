/**
 * How the command line asks a server that runs: as its operator, who can read its secrets anyway. The token is made of
 * the shared secret for the moment, and no row of any table.
 */
import { isTimedToken, timedToken } from './timed-token.ts'

const PREFIX = 'dmvo_'
const use = (secret: string) => ({ secret, purpose: 'operator', lifeMs: 5 * 60_000 })

export function operatorToken(secret: string, now: number): string {
  return PREFIX + timedToken(use(secret), now)
}

export function isOperatorToken(token: string, secret: string, now: number): boolean {
  return token.startsWith(PREFIX) && isTimedToken(token.slice(PREFIX.length), use(secret), now)
}
