/** Many servers that are not ours, on ports of one address and with one key; they know only the room they are given. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { json as readJson } from 'node:stream/consumers'
import { encodeCanonical } from '../../homeserver/core/canonical-json.ts'
import type { JsonObject, Pdu } from '../../homeserver/core/event.ts'
import { identify } from '../../homeserver/core/hash.ts'
import type { FinishedEvent } from '../../homeserver/core/pdu.ts'
import type { ServerName, UserId } from '../../homeserver/core/ids.ts'
import { type Signer, type SigningKey, signingKeyFromSeed, signJson } from '../../homeserver/core/signing.ts'
import { signRequest } from '../../homeserver/domain/federation/request-signing.ts'
import type { PeerRoom } from '../support/peer-room.ts'
import type { Site } from './sites.ts'

export class ForeignServers implements AsyncDisposable {
  readonly names: readonly ServerName[]
  readonly #key: SigningKey
  readonly #https: HttpsServer
  readonly #listeners: readonly Server[]
  readonly #sockets = new Set<Socket>()
  #areDead = false
  /** Connections that were tried since they died. */
  connects = 0
  /** Those of them that it was tried with, by index. */
  readonly tried = new Set<number>()
  room: PeerRoom | undefined
  /** Writes the answer to a join; by default at once. */
  answerJoin = (response: ServerResponse, text: string): void => void response.end(text)

  /** Whether members are left out of the answer to a join that asks for that. */
  omitsMembers = false
  /** Writes the answers to questions for the state before or after the join; by default at once. */
  answerStateIds = (response: ServerResponse, text: string): void => void response.end(text)
  answerState = (response: ServerResponse, text: string): void => void response.end(text)
  #state: readonly FinishedEvent[] = []

  private constructor({ https, listeners }: { https: HttpsServer; listeners: readonly Server[] }) {
    this.#https = https
    this.#listeners = listeners
    this.#key = signingKeyFromSeed('drill', randomBytes(32))
    this.names = listeners.map((listener) => {
      const { address, port } = listener.address() as AddressInfo
      return `${address}:${port}`
    })
    https.on('request', (request, response) => void this.#answer(request, response))
    for (const [index, listener] of listeners.entries())
      listener.on('connection', (socket) => this.#meet(socket, index))
  }

  static async start({ host, tls }: Site, count: number): Promise<ForeignServers> {
    const [key, cert] = await Promise.all([readFile(tls.key), readFile(tls.cert)])
    const listeners = Array.from({ length: count }, () => createServer().listen(0, host))
    await Promise.all(listeners.map((listener) => once(listener, 'listening')))
    return new ForeignServers({ https: createHttpsServer({ key, cert }), listeners })
  }

  signer(serverName: ServerName): Signer {
    return { serverName, key: this.#key }
  }

  /** From now on every other one swallows what it is sent, and the rest refuse connections. */
  die(): void {
    this.#areDead = true
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** A request of one of them, well signed. Gives the status of the answer when it is read. */
  async call(
    server: { readonly url: string; readonly name: ServerName },
    { method, uri, body, from }: { method: string; uri: string; body: JsonObject; from: ServerName },
  ): Promise<number> {
    const content = encodeCanonical(body)
    const authorization = signRequest({ method, uri, destination: server.name, content }, this.signer(from))
    const headers = { authorization, 'content-type': 'application/json' }
    const answer = await fetch(`${server.url}${uri}`, { method, headers, body: content })
    await answer.arrayBuffer()
    return answer.status
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners) listener.close()
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(this.#listeners.map((listener) => once(listener, 'close')))
    this.#https.close()
  }

  #meet(socket: Socket, index: number): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => undefined)
    if (!this.#areDead) return void this.#https.emit('connection', socket)
    this.connects++
    this.tried.add(index)
    if (index % 2 === 0) socket.resume()
    else socket.resetAndDestroy()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(request.url ?? '').replace(/\?.*/, '')
    response.setHeader('Content-Type', 'application/json')
    const body = request.method === 'GET' ? {} : ((await readJson(request)) as JsonObject)
    if (path === '/_matrix/key/v2/server') return void response.end(this.#keysOf(request.headers.host ?? ''))
    const [, joining] = /\/v1\/make_join\/[^/]+\/(.*)$/.exec(path) ?? []
    if (this.room && joining !== undefined) return void response.end(template(this.room, joining as UserId))
    if (this.room && /\/v2\/send_join\//.test(path)) {
      const omitsMembers = this.omitsMembers && request.url?.includes('omit_members=true') === true
      this.#state = this.room.stateOf()
      return this.answerJoin(
        response,
        takeJoin(this.room, body as unknown as Pdu, omitsMembers ? this.names : undefined),
      ) // ours made it
    }
    if (this.room && /\/v1\/state_ids\//.test(path)) {
      return this.answerStateIds(response, idsText(this.#state, chainOf(this.room)))
    }
    if (this.room && /\/v1\/state\//.test(path)) {
      return this.answerState(
        response,
        `{"pdus":[${jsonOf(this.#state)}],"auth_chain":[${jsonOf(chainOf(this.room))}]}`,
      )
    }
    const isTransaction = /\/v1\/send\//.test(path)
    response.statusCode = isTransaction ? 200 : 404
    response.end(isTransaction ? '{"pdus":{}}' : '{"errcode":"M_NOT_FOUND","error":"Not found"}')
  }

  #keysOf(serverName: ServerName): string {
    const { keyId, publicKey } = this.#key
    const document = {
      server_name: serverName,
      valid_until_ts: Date.now() + 24 * 60 * 60_000,
      verify_keys: { [keyId]: { key: publicKey } },
      old_verify_keys: {},
    }
    return encodeCanonical(signJson(document, this.signer(serverName)))
  }
}

function template(room: PeerRoom, userId: UserId): string {
  const draft = { type: 'm.room.member', sender: userId, stateKey: userId, content: { membership: 'join' } }
  const { hashes: _hashes, signatures: _signatures, ...event } = room.make(draft).pdu
  return JSON.stringify({ room_version: room.version.id, event })
}

/** Without members if the servers in the room are told instead; then the chain is that of the other state alone. */
function takeJoin(room: PeerRoom, pdu: Pdu, servers: readonly ServerName[] | undefined): string {
  const state = room.stateOf().filter((event) => !servers || event.pdu.type !== 'm.room.member')
  const byFounder = new Set([room.creator])
  const chain = chainOf(room).filter((event) => !servers || byFounder.has(event.pdu.sender))
  const json = encodeCanonical(pdu)
  room.take({ ...identify(pdu, room.version), json })
  const omitted = servers ? `"members_omitted":true,"servers_in_room":${encodeCanonical([...servers])},` : ''
  return `{${omitted}"event":${json},"state":[${jsonOf(state)}],"auth_chain":[${jsonOf(chain)}]}`
}

function chainOf(room: PeerRoom): FinishedEvent[] {
  return [...room.events.values()].filter(({ pdu }) => pdu.state_key !== undefined)
}

function jsonOf(events: readonly FinishedEvent[]): string {
  return events.map(({ json }) => json).join()
}

function idsText(state: readonly FinishedEvent[], chain: readonly FinishedEvent[]): string {
  const [pdu_ids, auth_chain_ids] = [state, chain].map((events) => events.map(({ eventId }) => eventId))
  return JSON.stringify({ pdu_ids, auth_chain_ids })
}
