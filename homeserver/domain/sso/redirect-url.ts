/**
 * Where a client wants its login token to be brought (T66). A client names it in each request and is known to nobody, so
 * people are asked, unless the administrator trusts the place.
 */
import { invalidParam } from '../../core/errors.ts'

const MAX_LENGTH = 4_096
/** Schemes of apps without a dot, which would show whose they are. */
const appSchemes = new Set([
  'element',
  'schildichat',
  'cinny',
  'fluffychat',
  'nheko',
  'neochat',
  'fractal',
  'quaternion',
])
/** Controls, spaces, and what browsers read as a slash. */
const odd = /[\p{Cc}\s\\]/u

/** Throws `M_INVALID_PARAM` for an address that a browser would run, read from disk, or show as another than it is. */
export function checkRedirectUrl(text: string): URL {
  if (text.length > MAX_LENGTH || odd.test(text) || !URL.canParse(text)) throw bad('is no address')
  const url = new URL(text)
  const scheme = url.protocol.slice(0, -1)
  const isWeb = scheme === 'https' || scheme === 'http'
  if (!isWeb && !scheme.includes('.') && !appSchemes.has(scheme)) throw bad('has a scheme that is no app of Matrix')
  if (url.username !== '' || url.password !== '') throw bad('must not have a user name in it')
  return url
}

/** The address with the token; one that was in it before is gone. */
export function withLoginToken(url: URL, token: string): string {
  const target = new URL(url)
  // by hand: searchParams would write the rest of the query anew, which some clients compare
  const rest = target.search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '' && decodedName(pair) !== 'loginToken')
  target.search = [...rest, `loginToken=${encodeURIComponent(token)}`].join('&')
  return target.href
}

function decodedName(pair: string): string {
  const [name = ''] = new URLSearchParams(pair).keys()
  return name
}

/** Whether the address is at one of these: origins such as `https://app.element.io`, or schemes such as `io.element.desktop:`. */
export function isTrusted(url: URL, trusted: readonly string[]): boolean {
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:'
  return trusted.some((place) =>
    isWeb ? URL.canParse(place) && new URL(place).origin === url.origin : place === url.protocol,
  )
}

const bad = (what: string) => invalidParam(`'redirectUrl' ${what}`)
