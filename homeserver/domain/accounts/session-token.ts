/**
 * The secrets that open sessions: 256 random bits between a prefix, which tells people and secret scanners what they
 * found, and a checksum, which tells us without the database that a text is none of ours.
 */
import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

const prefixes = { access: 'dmva', refresh: 'dmvr', login: 'dmvl' } as const
export type TokenKind = keyof typeof prefixes

export interface NewToken {
  /** For its holder; kept nowhere. */
  readonly token: string
  /** What the database keeps. */
  readonly hash: string
}

export function newToken(kind: TokenKind): NewToken {
  const body = `${prefixes[kind]}_${randomBytes(32).toString('base64url')}`
  const token = `${body}_${checksum(body)}`
  return { token, hash: hashToken(token) }
}

/** The hash by which the database knows the token, or undefined if it cannot be a token of this kind. */
export function tokenHash(kind: TokenKind, token: string): string | undefined {
  const end = token.lastIndexOf('_')
  const body = token.slice(0, end)
  const isOurs = token.startsWith(`${prefixes[kind]}_`) && token.slice(end + 1) === checksum(body)
  return isOurs ? hashToken(token) : undefined
}

export function hashToken(token: string): string {
  return hash('sha256', token, 'base64url')
}

function checksum(body: string): string {
  return crc32(body).toString(36).padStart(7, '0')
}
