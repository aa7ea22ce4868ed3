/** The part of LiveKit's API that our server uses, with rooms that are only names. The real one is in test/calls. */
import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { AccessToken, TokenVerifier } from 'livekit-server-sdk'

type Fields = Readonly<Record<string, any>> // eslint-disable-line -- looked into freely

export interface SfuCall {
  readonly method: string
  readonly body: Fields
  /** What the token allows. */
  readonly video: Fields
}

/** The clock of a server may be another one than ours. */
const ANY_TIME = '10 years'

/** What is wrong with a webhook. */
export interface WebhookChange {
  readonly secret: string
  /** Seconds. */
  readonly ttl: number
  readonly prefix: string
  readonly body: string
}

export class FakeSfu implements AsyncDisposable {
  readonly key = 'APItest'
  readonly secret = 'a secret of more than thirty-two characters'
  readonly publicUrl = 'wss://sfu.test'
  readonly calls: SfuCall[] = []
  /** Of each room: who is in it. */
  readonly rooms = new Map<string, string[]>()
  readonly #server: Server
  readonly #verifier = new TokenVerifier(this.key, this.secret)

  private constructor(server: Server) {
    this.#server = server
    server.on('request', (request, response) => {
      const [, token = ''] = request.headers.authorization?.split(' ') ?? []
      void Promise.all([json(request), this.#verifier.verify(token, ANY_TIME)]).then(
        ([body, { video = {} }]) => {
          const method = request.url?.split('/').at(-1) ?? ''
          this.calls.push({ method, body: body as Fields, video })
          response.setHeader('content-type', 'application/json')
          response.end(JSON.stringify(this.#answer(method, body as Fields)))
        },
        (error: unknown) => response.writeHead(401).end(String(error)),
      )
    })
  }

  static async start(): Promise<FakeSfu> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new FakeSfu(server)
  }

  /** Settings of a server that uses it. */
  get config(): string {
    const { port } = this.#server.address() as AddressInfo
    return `calls: { sfu: external, livekit_url: '${this.publicUrl}', livekit_internal_url: 'http://127.0.0.1:${port}',
      api_key: ${this.key}, api_secret: ${this.secret} }`
  }

  /** What a token allows, by LiveKit's own reading; `sub` is the identity. */
  async claims(jwt: string): Promise<Fields> {
    return await this.#verifier.verify(jwt, ANY_TIME)
  }

  /** Posts what the SFU has to tell, signed by LiveKit's own library, and gives the status of the answer. */
  async tell(url: string, event: Fields, change: Partial<WebhookChange> = {}): Promise<number> {
    const body = JSON.stringify(event)
    const token = new AccessToken(this.key, change.secret ?? this.secret, { ttl: change.ttl ?? 300 })
    token.sha256 = createHash('sha256').update(body).digest('base64')
    const authorization = `${change.prefix ?? ''}${await token.toJwt()}`
    const headers = { authorization, 'content-type': 'application/webhook+json' }
    const answer = await fetch(`${url}/livekit/jwt/sfu_webhook`, { method: 'POST', headers, body: change.body ?? body })
    await answer.text()
    return answer.status
  }

  #answer(method: string, { name, names, room, identity }: Fields): Fields {
    if (method === 'CreateRoom') this.rooms.set(name, this.rooms.get(name) ?? [])
    if (method === 'DeleteRoom') this.rooms.delete(room)
    if (method === 'ListRooms')
      return { rooms: (names as string[]).filter((one) => this.rooms.has(one)).map((one) => ({ name: one })) }
    const present = this.rooms.get(room) ?? []
    if (method === 'ListParticipants')
      return {
        participants: present.map((one) => ({
          identity: one,
          sid: `PA_${one}`,
          joined_at: '1700000000',
          tracks: [{ source: 'MICROPHONE', mime_type: 'audio/red', muted: true, width: 0, height: 0 }],
        })),
      }
    if (method === 'RemoveParticipant') {
      this.rooms.set(room, present.filter((one) => one !== identity)) // prettier-ignore
    }
    return {}
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
