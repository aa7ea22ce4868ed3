/** A server that can sign anything and answer anything, to see what ours makes of it. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { json as readJson } from 'node:stream/consumers'
import { encodeCanonical } from '../../homeserver/core/canonical-json.ts'
import type { Json, JsonObject, Pdu } from '../../homeserver/core/event.ts'
import { identify } from '../../homeserver/core/hash.ts'
import type { EventId, UserId } from '../../homeserver/core/ids.ts'
import type { FinishedEvent } from '../../homeserver/core/pdu.ts'
import { roomVersions, type RoomVersionId } from '../../homeserver/core/room-version.ts'
import { type Signer, signingKeyFromSeed, signJson } from '../../homeserver/core/signing.ts'
import { signRequest } from '../../homeserver/domain/federation/request-signing.ts'
import type { Client } from './client.ts'
import { type FederatedServer, Federation } from './federation.ts'
import { type Fork, PeerRoom } from './peer-room.ts'

export interface HostileRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: JsonObject
}

/** What is answered; undefined for M_NOT_FOUND. */
export type Handler = (request: HostileRequest) => JsonObject | undefined

export interface HostileAnswer {
  readonly status: number
  readonly body: JsonObject
}

export class HostileServer implements AsyncDisposable {
  readonly name: string
  readonly signer: Signer
  /** What was asked, except for keys. */
  readonly requests: HostileRequest[] = []
  readonly #server: HttpsServer
  readonly #handlers: { readonly path: RegExp; readonly handler: Handler }[] = []

  private constructor(name: string, server: HttpsServer) {
    this.name = name
    this.#server = server
    this.signer = { serverName: name, key: signingKeyFromSeed('evil', randomBytes(32)) }
    server.on('request', (request, response) => {
      const chunks = request.method === 'GET' ? Promise.resolve({}) : readJson(request).catch(() => ({}))
      void chunks.then((body) => {
        const { pathname, searchParams } = new URL(request.url ?? '/', 'https://host')
        const path = decodeURIComponent(pathname)
        const asked = { method: request.method ?? '', path, query: searchParams, body: body as JsonObject }
        const answer = path === '/_matrix/key/v2/server' ? this.#keys() : this.#answer(asked)
        response.statusCode = answer ? 200 : 404
        response.end(encodeCanonical(answer ?? { errcode: 'M_NOT_FOUND', error: 'Not found' }))
      })
    })
  }

  static async start(federation: Federation, name: string): Promise<HostileServer> {
    const [key, cert] = await Promise.all([readFile(federation.tls.key), readFile(federation.tls.cert)])
    const server = createServer({ key, cert })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    federation.dns.serve(name, (server.address() as AddressInfo).port)
    return new HostileServer(name, server)
  }

  /** Answers requests whose path matches; the last that was given wins. */
  on(path: RegExp, handler: Handler): void {
    this.#handlers.unshift({ path, handler })
  }

  /** How often somebody asked for a path. */
  asked(path: RegExp): number {
    return this.requests.filter((request) => path.test(request.path)).length
  }

  room(version: RoomVersionId = '11'): PeerRoom {
    return new PeerRoom(roomVersions[version], this.signer)
  }

  /** Lets a user of one of our servers into a room of this one, as honest servers do. */
  async letIn(room: PeerRoom, client: Client): Promise<void> {
    const userId = client.userId as UserId
    this.on(/\/v1\/make_join\//, () => {
      const draft = { type: 'm.room.member', sender: userId, stateKey: userId, content: { membership: 'join' } }
      const { hashes: _hashes, signatures: _signatures, ...event } = room.make(draft).pdu
      return { room_version: room.version.id, event }
    })
    this.on(/\/v2\/send_join\//, ({ body }) => {
      const before = room.fork()
      const pdu = body as Pdu // ours made it
      room.take({ ...identify(pdu, room.version), json: encodeCanonical(pdu) })
      const state = room.stateOf(before).map((event) => event.pdu)
      return { origin: this.name, state, auth_chain: [...room.events.values()].map((event) => event.pdu), event: pdu }
    })
    await client.post(`/join/${encodeURIComponent(room.roomId)}?via=${this.name}`)
  }

  /** Answers questions about the past of a room truly, except for what is kept back. */
  tell(room: PeerRoom, { withheld = [] }: { readonly withheld?: readonly EventId[] } = {}): void {
    const open = (id: string): FinishedEvent | undefined =>
      withheld.includes(id as EventId) ? undefined : room.events.get(id as EventId)
    this.on(/\/v1\/event\/(.*)$/, ({ path }) => {
      const event = open(path.split('/').at(-1) ?? '')
      return event && { origin: this.name, origin_server_ts: 1, pdus: [event.pdu] }
    })
    this.on(/\/v1\/event_auth\//, () => ({
      auth_chain: [...room.events.values()].filter(({ eventId }) => open(eventId)).map(({ pdu }) => pdu),
    }))
  }

  /** Answers with the state of a fork, whichever event is asked about. */
  tellState(room: PeerRoom, { state }: Fork): void {
    this.on(/\/v1\/state_ids\//, () => ({
      pdu_ids: [...state.values()],
      auth_chain_ids: [...room.events.values()].filter(({ pdu }) => 'state_key' in pdu).map(({ eventId }) => eventId),
    }))
  }

  /** Sends a transaction. */
  async send(
    to: FederatedServer,
    { pdus = [], edus = [], txnId }: { pdus?: readonly Json[]; edus?: readonly Json[]; txnId?: string },
  ): Promise<HostileAnswer> {
    const id = txnId ?? randomBytes(8).toString('hex')
    const body = { origin: this.name, origin_server_ts: Date.now(), pdus, edus }
    return await this.call(to, 'PUT', `/_matrix/federation/v1/send/${id}`, body)
  }

  /** Any request, well signed. */
  async call(to: FederatedServer, method: string, uri: string, body?: JsonObject): Promise<HostileAnswer> {
    const content = body && encodeCanonical(body)
    const authorization = signRequest({ method, uri, destination: to.name, content }, this.signer)
    const answer = await fetch(`${to.server.url}${uri}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(content === undefined ? {} : { body: content }),
    })
    return { status: answer.status, body: (await answer.json()) as JsonObject }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #keys(): JsonObject {
    const { serverName, key } = this.signer
    const document = {
      server_name: serverName,
      valid_until_ts: Date.now() + 24 * 60 * 60_000,
      verify_keys: { [key.keyId]: { key: key.publicKey } },
      old_verify_keys: {},
    }
    return signJson(document, this.signer)
  }

  #answer(request: HostileRequest): JsonObject | undefined {
    this.requests.push(request)
    return this.#handlers.find(({ path }) => path.test(request.path))?.handler(request)
  }
}

/** One of our servers beside a hostile one. */
export async function startBeside(
  options: Parameters<Federation['start']>[1] = {},
): Promise<{ readonly federation: Federation; readonly ours: FederatedServer; readonly evil: HostileServer }> {
  const federation = await Federation.make('ours.test', 'evil.test')
  const [ours, evil] = await Promise.all([
    federation.start('ours.test', options),
    HostileServer.start(federation, 'evil.test'),
  ])
  federation.closeAfter(evil)
  return { federation, ours, evil }
}
