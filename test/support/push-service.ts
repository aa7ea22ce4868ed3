/**
 * A browser and the push service that it has chosen. What comes is looked at as the RFCs say, with Web Crypto and without
 * a line of the server's own: who sent it (RFC 8292), for whom it is, and what it says (RFC 8291).
 */
import type { webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

type Json = Record<string, any> // eslint-disable-line -- what was told is looked into freely by tests

const { subtle } = globalThis.crypto
const curve = { name: 'ECDH', namedCurve: 'P-256' } as const
const text = (value: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(value))
const bytes = (value: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(value, 'base64url'))
const base64url = (value: ArrayBuffer | Uint8Array): string =>
  Buffer.from(value as Uint8Array<ArrayBuffer>).toString('base64url')

export interface PushMessage {
  readonly headers: IncomingMessage['headers']
  /** Of the pass with which the server came. */
  readonly claims: Json
  readonly says: Json
}

export class PushService implements AsyncDisposable {
  /** What came that was signed with this key and meant for the browser. */
  readonly messages: PushMessage[] = []
  /** How the next ones are answered. */
  status = 201
  readonly pushkey: string
  readonly auth: string
  readonly #server: Server
  readonly #keys: webcrypto.CryptoKeyPair
  #waiters: (() => void)[] = []
  /** What went wrong with what came. */
  #error: Error | undefined

  private constructor(server: Server, keys: webcrypto.CryptoKeyPair, publicKey: ArrayBuffer) {
    this.#server = server
    this.#keys = keys
    this.pushkey = base64url(publicKey)
    this.auth = base64url(globalThis.crypto.getRandomValues(new Uint8Array(16)))
    server.on('request', (request, response) => {
      void this.#take(request)
        .catch((error: unknown) => (this.#error = error as Error))
        .then(() => {
          response.writeHead(this.status).end()
          for (const wake of this.#waiters.splice(0)) wake()
        })
    })
  }

  static async start({ key, cert }: { readonly key: string; readonly cert: string }): Promise<PushService> {
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const keys = await subtle.generateKey(curve, true, ['deriveBits'])
    return new PushService(server, keys, await subtle.exportKey('raw', keys.publicKey))
  }

  get origin(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}` // it listens on TCP
  }

  /** A pusher for this browser. */
  get pusher(): Json {
    return {
      kind: 'org.matrix.msc4174.webpush',
      app_id: 'org.example.web',
      pushkey: this.pushkey,
      app_display_name: 'Web',
      device_display_name: 'Browser',
      lang: 'en',
      data: { url: `${this.origin}/subscription`, auth: this.auth },
    }
  }

  /** The nth message, from 0 on, as soon as it is there. */
  async message(n: number): Promise<PushMessage> {
    for (;;) {
      const message = this.messages[n]
      if (message) return message
      if (this.#error) throw this.#error
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
  }

  async #take(request: IncomingMessage): Promise<void> {
    const body = await buffer(request)
    const claims = await this.#passOf(request.headers.authorization ?? '')
    const says = JSON.parse(await this.#decrypt(body)) as Json
    this.messages.push({ headers: request.headers, claims, says })
  }

  async #passOf(authorization: string): Promise<Json> {
    const [, head = '', claims = '', signature = '', key = ''] =
      /^vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), k=([\w-]+)$/.exec(authorization) ?? []
    const signing = { name: 'ECDSA', namedCurve: 'P-256' }
    const publicKey = await subtle.importKey('raw', bytes(key), signing, false, ['verify'])
    const how = { name: 'ECDSA', hash: 'SHA-256' }
    const isGood = await subtle.verify(how, publicKey, bytes(signature), text(`${head}.${claims}`))
    if (!isGood) throw new Error('The pass is not signed by the key')
    return { ...(JSON.parse(Buffer.from(claims, 'base64url').toString()) as Json), key }
  }

  async #decrypt(body: Buffer): Promise<string> {
    const idLength = body.readUInt8(20)
    const [salt, sender] = [Uint8Array.from(body.subarray(0, 16)), Uint8Array.from(body.subarray(21, 21 + idLength))]
    if (body.length > body.readUInt32BE(16)) throw new Error('There is more than one record')
    const senderKey = await subtle.importKey('raw', sender, curve, false, [])
    const shared = await subtle.deriveBits({ name: 'ECDH', public: senderKey }, this.#keys.privateKey, 256)
    const derive = async (
      from: ArrayBuffer | Uint8Array<ArrayBuffer>,
      salted: ArrayBuffer | Uint8Array<ArrayBuffer>,
      info: Uint8Array<ArrayBuffer>,
      length: number,
    ) => {
      const material = await subtle.importKey('raw', from, 'HKDF', false, ['deriveBits'])
      return await subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: salted, info }, material, length * 8)
    }
    const parties = Uint8Array.from([...text('WebPush: info\0'), ...bytes(this.pushkey), ...sender])
    const secret = await derive(shared, bytes(this.auth), parties, 32)
    const content = await derive(secret, salt, text('Content-Encoding: aes128gcm\0'), 16)
    const iv = await derive(secret, salt, text('Content-Encoding: nonce\0'), 12)
    const key = await subtle.importKey('raw', content, 'AES-GCM', false, ['decrypt'])
    const record = Uint8Array.from(body.subarray(21 + idLength))
    const plain = Buffer.from(await subtle.decrypt({ name: 'AES-GCM', iv }, key, record))
    const end = plain.findLastIndex((byte) => byte !== 0)
    if (plain[end] !== 2) throw new Error('The record is not the last one')
    return plain.subarray(0, end).toString()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
