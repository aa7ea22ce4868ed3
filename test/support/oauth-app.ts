/** An app that logs in by OAuth, with the requests of Element X in their order: shared/design of the protocol, not of a UI. */
import { hash, randomBytes } from 'node:crypto'
import type { Client, Response } from './client.ts'
import type { TestServer } from './server.ts'
import type { Visitor } from './visitor.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

/** As Element X on Android registers. */
export const elementX = {
  client_name: 'Element X',
  client_uri: 'https://element.io/',
  logo_uri: 'https://element.io/mobile-icon.png',
  tos_uri: 'https://static.element.io/legal/user-terms.html',
  policy_uri: 'https://static.element.io/legal/privacy.html',
  redirect_uris: ['io.element.android:/'],
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
}

/** An app in the browser, at a site of its own. */
export const webApp = {
  ...elementX,
  client_uri: 'https://app.example/',
  redirect_uris: ['https://app.example/callback'],
  application_type: 'web',
  logo_uri: undefined,
  tos_uri: 'https://app.example/terms',
  policy_uri: 'https://app.example/privacy',
}

export class OAuthApp {
  readonly #server: TestServer
  readonly redirectUri: string
  readonly deviceId = randomBytes(6).toString('hex')
  readonly verifier = randomBytes(32).toString('base64url')
  readonly state = randomBytes(8).toString('hex')
  readonly clientId: string
  metadata: Json = {}

  private constructor(server: TestServer, clientId: string, redirectUri: string) {
    this.#server = server
    this.clientId = clientId
    this.redirectUri = redirectUri
  }

  /** Looks for the metadata of the server, and registers. */
  static async start(server: TestServer, registration: Json = elementX): Promise<OAuthApp> {
    const anybody = server.client()
    const metadata = await anybody.get('/_matrix/client/v1/auth_metadata')
    const { pathname } = new URL(metadata['registration_endpoint'] as string)
    const answer = await post(server, pathname, registration)
    if (answer.status !== 201) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`)
    const [redirectUri = ''] = (registration['redirect_uris'] as string[] | undefined) ?? []
    const app = new OAuthApp(server, answer.body['client_id'] as string, redirectUri)
    app.metadata = metadata
    return app
  }

  get scope(): string {
    return `urn:matrix:org.matrix.msc2967.client:api:* urn:matrix:org.matrix.msc2967.client:device:${this.deviceId}`
  }

  /** The address to open in the browser; an undefined parameter is left out. */
  authorizationUrl(changes: Record<string, string | undefined> = {}): string {
    const query: Record<string, string | undefined> = {
      response_type: 'code',
      response_mode: 'query',
      client_id: this.clientId,
      redirect_uri: this.redirectUri,
      scope: this.scope,
      state: this.state,
      code_challenge: hash('sha256', this.verifier, 'base64url'),
      code_challenge_method: 'S256',
      ...changes,
    }
    const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined)
    return `${this.metadata['authorization_endpoint'] as string}?${new URLSearchParams(given).toString()}`
  }

  /** The user logs in where needed and allows it; gives what the app is called back with. */
  async authorize(browser: Visitor, credentials: { username: string; password: string }): Promise<URLSearchParams> {
    await browser.open(this.authorizationUrl())
    if (browser.shown.address.startsWith('/login')) await browser.submit(credentials)
    await browser.submit({ decision: 'allow' })
    return callbackOf(browser.shown.address)
  }

  async token(form: Record<string, string>): Promise<Response<Json>> {
    return await postForm(this.#server, this.metadata['token_endpoint'] as string, form)
  }

  exchange(code: string, changes: Record<string, string> = {}): Promise<Response<Json>> {
    return this.token({
      grant_type: 'authorization_code',
      code,
      redirect_uri: this.redirectUri,
      client_id: this.clientId,
      code_verifier: this.verifier,
      ...changes,
    })
  }

  refresh(refreshToken: string, changes: Record<string, string> = {}): Promise<Response<Json>> {
    const form = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: this.clientId }
    return this.token({ ...form, ...changes })
  }

  revoke(token: string): Promise<Response<Json>> {
    const form = { token, client_id: this.clientId }
    return postForm(this.#server, this.metadata['revocation_endpoint'] as string, form)
  }

  beginDeviceGrant(): Promise<Response<Json>> {
    const form = { client_id: this.clientId, scope: this.scope }
    return postForm(this.#server, this.metadata['device_authorization_endpoint'] as string, form)
  }

  pollDeviceGrant(deviceCode: string): Promise<Response<Json>> {
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
    return this.token({ grant_type, device_code: deviceCode, client_id: this.clientId })
  }

  /** Through the whole way, with a client for what the token opens. */
  async logIn(browser: Visitor, username: string): Promise<{ client: Client; tokens: Json }> {
    const callback = await this.authorize(browser, { username, password: `password of ${username}` })
    const { status, body: tokens } = await this.exchange(callback.get('code') ?? '')
    if (status !== 200) throw new Error(`${status} ${JSON.stringify(tokens)}`)
    return { client: this.client(tokens['access_token'] as string), tokens }
  }

  client(token: string): Client {
    const client = this.#server.client()
    client.token = token
    return client
  }
}

/** The parameters that an app is called back with, from query or fragment. */
export function callbackOf(address: string): URLSearchParams {
  return new URLSearchParams(address.split(/[?#]/)[1])
}

export async function post(server: TestServer, path: string, body: unknown): Promise<Response<Json>> {
  const headers = { 'Content-Type': 'application/json' }
  return await answerOf(await fetch(server.url + path, { method: 'POST', body: JSON.stringify(body), headers }))
}

export async function postForm(
  server: TestServer,
  address: string,
  form: Record<string, string> | string,
): Promise<Response<Json>> {
  const body = new URLSearchParams(form)
  return await answerOf(await fetch(server.url + new URL(address).pathname, { method: 'POST', body }))
}

async function answerOf(response: globalThis.Response): Promise<Response<Json>> {
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: JSON.parse(text) as Json }
}
