/** A thin Matrix client: `fetch` with a token. Tests that need a real one are in test/e2e. */
import { checkAnswer } from './answers.ts'

export interface Response<Body = Record<string, unknown>> {
  readonly status: number
  readonly headers: Headers
  readonly body: Body
}

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

export class Client {
  readonly url: string
  userId = ''
  deviceId = ''
  token = ''
  #txn = 0

  constructor(url: string) {
    this.url = url
  }

  /** Sends a request as it is and gives whatever comes back. Paths begin with `/_matrix`, or are below `/_matrix/client/v3`. */
  async request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Response<Json>> {
    const target = path.startsWith('/_') || path.startsWith('/.') ? path : `/_matrix/client/v3${path}`
    const raw = typeof body === 'string' || body instanceof Uint8Array
    const response = await fetch(this.url + target, {
      method,
      headers: {
        ...(this.token === '' ? {} : { Authorization: `Bearer ${this.token}` }),
        ...(body === undefined || raw ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
    const json = isJson ? (JSON.parse(text) as Json) : undefined
    checkAnswer({ method, target, status: response.status, body: json })
    return { status: response.status, headers: response.headers, body: json ?? { text } }
  }

  /** The body of an answer with status 200; anything else throws. */
  async ok(method: string, path: string, body?: unknown): Promise<Json> {
    const response = await this.request(method, path, body)
    if (response.status === 200) return response.body
    throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(response.body)}`)
  }

  get(path: string): Promise<Json> {
    return this.ok('GET', path)
  }

  put(path: string, body: unknown): Promise<Json> {
    return this.ok('PUT', path, body)
  }

  post(path: string, body: unknown = {}): Promise<Json> {
    return this.ok('POST', path, body)
  }

  /** Status and errcode of a refusal, for one assertion. */
  async refusal(method: string, path: string, body?: unknown): Promise<{ status: number; errcode: unknown }> {
    const response = await this.request(method, path, body)
    return { status: response.status, errcode: response.body['errcode'] }
  }

  async register(username: string, password: string): Promise<this> {
    const body = await this.ok('POST', '/register', { username, password, auth: { type: 'm.login.dummy' } })
    return this.#use(body)
  }

  /** Another device of the same account. */
  async login(username: string, password: string): Promise<this> {
    const identifier = { type: 'm.id.user', user: username }
    return this.#use(await this.ok('POST', '/login', { type: 'm.login.password', identifier, password }))
  }

  async createRoom(options: Json = {}): Promise<string> {
    return (await this.post('/createRoom', options))['room_id'] as string
  }

  /** Sends a message event and gives its id. */
  async send(roomId: string, content: Json | string, type = 'm.room.message'): Promise<string> {
    const json = typeof content === 'string' ? { msgtype: 'm.text', body: content } : content
    const path = `/rooms/${encodeURIComponent(roomId)}/send/${type}/txn${++this.#txn}`
    return (await this.put(path, json))['event_id'] as string
  }

  async setState(roomId: string, type: string, content: Json, stateKey = ''): Promise<string> {
    const path = `/rooms/${encodeURIComponent(roomId)}/state/${type}/${encodeURIComponent(stateKey)}`
    return (await this.put(path, content))['event_id'] as string
  }

  async sync(query: Record<string, string | number> = {}): Promise<Json> {
    const parameters = new URLSearchParams(
      Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]),
    )
    return await this.get(`/sync?${parameters.toString()}`)
  }

  #use(session: Json): this {
    this.userId = session['user_id'] as string
    this.deviceId = session['device_id'] as string
    this.token = session['access_token'] as string
    return this
  }
}
