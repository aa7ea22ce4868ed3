/** An OpenID provider on a free port: the one of the package `oidc-provider`, whose people log in without being asked. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type JWTPayload, SignJWT, decodeJwt } from 'jose'
import { Provider } from 'oidc-provider'

export interface OpenIdProviderOptions {
  readonly clientId?: string
  /** Of the client here, as in `/auth/oidc/<id>`. */
  readonly id?: string
}

/** What is given in place of the provider's own token: with its key unless told. */
export type Reissue = (claims: JWTPayload, sign: (claims: object) => Promise<string>) => Promise<string>

const secret = 'secret of the client, long enough for anybody'

export class OpenIdProvider implements AsyncDisposable {
  /** Who sits at the browser. */
  user = { sub: 'kim-1', preferred_username: 'Kim', name: 'Kim Doe' }
  /** What becomes of each token that goes out. */
  reissue: Reissue | undefined
  readonly secret = secret
  readonly #server: Server
  readonly #directory: string
  #provider: Provider | undefined

  private constructor(directory: string) {
    this.#directory = directory
    this.#server = createServer((request, response) => void this.#take(request, response))
  }

  static async start({ clientId = 'domovoi', id = 'work' }: OpenIdProviderOptions = {}): Promise<OpenIdProvider> {
    const started = new OpenIdProvider(await mkdtemp(join(tmpdir(), 'domovoi-openid-')))
    await new Promise<void>((resolve) => started.#server.listen(0, '127.0.0.1', resolve))
    await writeFile(join(started.#directory, 'secret'), `${secret}\n`)
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    started.#provider = new Provider(started.issuer, {
      clients: [
        {
          client_id: clientId,
          client_secret: secret,
          redirect_uris: [`https://hs.test/auth/oidc/${id}/callback`],
          token_endpoint_auth_method: 'client_secret_basic',
        },
      ],
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'test', use: 'sig', alg: 'RS256' }] },
      claims: { openid: ['sub'], profile: ['name', 'preferred_username'] },
      routes: { jwks: '/.well-known/jwks.json' },
      findAccount: (_, id) => ({ accountId: id, claims: () => ({ ...started.user, sub: id }) }),
      features: { devInteractions: { enabled: false } },
      interactions: { url: (_, { uid }) => `/interaction/${uid}` },
      cookies: { keys: ['a key for cookies'] },
      ttl: { Interaction: 60, Session: 60, Grant: 60, AccessToken: 60, IdToken: 60 },
    })
    const sign = async (claims: object) =>
      await new SignJWT({ ...claims }).setProtectedHeader({ alg: 'RS256', kid: 'test' }).sign(privateKey)
    started.#provider.use(async ({ response }, next) => {
      await next()
      const body = response.body as { id_token?: string } | undefined
      if (started.reissue && typeof body?.id_token === 'string') {
        response.body = { ...body, id_token: await started.reissue(decodeJwt(body.id_token), sign) }
      }
    })
    return started
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** For the configuration of the server. */
  get config(): string {
    const client = `client_id: domovoi, client_secret_file: ${join(this.#directory, 'secret')}`
    return `auth: { providers: [{ id: work, name: Work, issuer: '${this.issuer}', ${client} }] }
outgoing: { allow_ranges: [127.0.0.1] }`
  }

  /** Goes through the provider as a browser does; gives the address of ours to which it is sent back. */
  async visit(address: string): Promise<string> {
    const cookies = new Map<string, string>()
    let url = address
    while (url.startsWith(this.issuer)) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const response = await fetch(url, { redirect: 'manual', headers: { Cookie: cookie } })
      for (const set of response.headers.getSetCookie()) {
        const [name = '', value = ''] = (set.split(';')[0] ?? '').split('=')
        cookies.set(name, value)
      }
      const location = response.headers.get('location')
      if (location === null) throw new Error(`${response.status} ${await response.text()}`)
      url = new URL(location, url).href
    }
    return url
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const provider = this.#provider
    if (!provider) return
    if (request.url?.startsWith('/interaction/') !== true) return void provider.callback()(request, response)
    const { prompt, params, session } = await provider.interactionDetails(request, response)
    if (prompt.name === 'login') {
      return await provider.interactionFinished(request, response, { login: { accountId: this.user.sub } })
    }
    const grant = new provider.Grant({ accountId: session?.accountId ?? '', clientId: String(params['client_id']) })
    grant.addOIDCScope('openid profile')
    await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
    await rm(this.#directory, { recursive: true, force: true })
  }
}
