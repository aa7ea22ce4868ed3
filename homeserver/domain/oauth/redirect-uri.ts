/** Where a client may have people sent back to. https://spec.matrix.org/v1.19/client-server-api/#redirect-uri-validation */

export type ApplicationType = 'web' | 'native'

/** Of an `http` URI on the loopback interface; the port is the operating system's to choose. */
const loopback = /^(http:\/\/(?:localhost|127\.0\.0\.1|\[::1\]))(:\d{1,5})?(?=[/?]|$)/

/** No white space, no control character, nothing outside of ASCII, no backslash: nothing that two parsers read differently. */
const plain = /^[\x21-\x5b\x5d-\x7e]+$/

/** `https`, without a user or password, as every address of a client's metadata must be. */
export function parseWebUri(text: string): URL | undefined {
  if (!plain.test(text) || !text.startsWith('https://') || !URL.canParse(text)) return undefined
  const url = new URL(text)
  return url.username === '' && url.password === '' && !text.slice(8).split(/[/?#]/)[0]?.includes('@') ? url : undefined
}

/** Whether a host is that of the client or below it. */
export function isOfClient(host: string, clientUri: URL): boolean {
  return host === clientUri.hostname || host.endsWith(`.${clientUri.hostname}`)
}

/** Whether a client may register this URI. */
export function isRedirectUri(text: string, type: ApplicationType, clientUri: URL): boolean {
  if (!plain.test(text) || text.includes('#')) return false
  const web = parseWebUri(text)
  if (web) return isOfClient(web.hostname, clientUri)
  if (type === 'web') return false
  const local = loopback.exec(text)
  if (local) return local[2] === undefined
  return isPrivateScheme(text, clientUri)
}

/** `com.example.app:/callback` for a client of `example.com`: the scheme shows whose it is, and there is no authority. */
function isPrivateScheme(text: string, clientUri: URL): boolean {
  const [, scheme, rest = ''] = /^([a-z][a-z\d+.-]*):(.*)$/.exec(text) ?? []
  if (scheme === undefined || rest.startsWith('//')) return false
  const own = clientUri.hostname.split('.').toReversed().join('.')
  return own.includes('.') && (scheme === own || scheme.startsWith(`${own}.`))
}

/** Whether a request's URI is one that the client has registered: letter by letter, but for the port of the loopback interface. */
export function isRegistered(text: string, redirectUris: readonly string[]): boolean {
  if (!plain.test(text)) return false
  return redirectUris.includes(text) || redirectUris.includes(text.replace(loopback, '$1'))
}
