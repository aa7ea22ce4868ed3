/** An account for the length of a test, made with the shared secret of the server. */
import { createHmac, randomBytes } from 'node:crypto'

type Json = Readonly<Record<string, unknown>>

/** What the server, or what stands in front of it, answered to something that must succeed. */
export class Refused extends Error {
  override name = 'Refused'
  readonly status: number
  readonly errcode: string | undefined

  constructor(what: string, status: number, answer: Json) {
    const { errcode, error } = answer
    const said = [errcode, error].filter((part) => typeof part === 'string').join(': ')
    super(`${what} was answered with ${status}${said === '' ? '' : `, ${said}`}`)
    this.status = status
    this.errcode = typeof errcode === 'string' ? errcode : undefined
  }
}

/** Asks for JSON. Throws `Refused`, or what `fetch` throws. */
export async function askJson(method: string, url: string, body?: Json, token?: string): Promise<Json> {
  const response = await fetch(url, {
    method,
    headers: {
      'Content-Type': 'application/json',
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(15_000),
  })
  const answer = await response.json().then(
    (value: unknown) => value as Json,
    () => ({}),
  )
  if (!response.ok) throw new Refused(`${method} ${url.split('?')[0]}`, response.status, answer)
  return answer
}

export class TemporaryUser implements AsyncDisposable {
  readonly userId: string
  readonly deviceId: string
  readonly #url: string
  readonly #token: string
  readonly #password: string

  private constructor(url: string, password: string, session: Json) {
    this.#url = url
    this.#password = password
    this.userId = String(session['user_id'])
    this.deviceId = String(session['device_id'])
    this.#token = String(session['access_token'])
  }

  static async make(url: string, secret: string): Promise<TemporaryUser> {
    const path = `${url}/_synapse/admin/v1/register`
    const username = `call-test-${randomBytes(6).toString('hex')}`
    const password = randomBytes(24).toString('base64url')
    const { nonce } = await askJson('GET', path)
    const mac = createHmac('sha1', secret)
      .update([String(nonce), username, password, 'notadmin'].join('\0'))
      .digest('hex')
    const body = { nonce, username, password, admin: false, mac }
    return new TemporaryUser(url, password, await askJson('POST', path, body))
  }

  /** `path` is below `/_matrix/client`. */
  async ask(method: string, path: string, body?: Json): Promise<Json> {
    return await askJson(method, `${this.#url}/_matrix/client${path}`, body, this.#token)
  }

  /** The account is closed for good. */
  async [Symbol.asyncDispose](): Promise<void> {
    const identifier = { type: 'm.id.user', user: this.userId }
    const auth = { type: 'm.login.password', identifier, password: this.#password }
    await this.ask('POST', '/v3/account/deactivate', { auth, erase: true })
  }
}
