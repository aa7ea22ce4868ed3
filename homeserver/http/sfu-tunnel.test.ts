/** The way of WebSockets to the SFU, with an SFU that is only a socket. */
import { once } from 'node:events'
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { trustedProxies } from './client-address.ts'
import { sfuTunnel } from './sfu-tunnel.ts'

const MIB = 1024 * 1024
const BLOCKS = 64

/** What comes in at the SFU, one connection after the other. */
class Place implements AsyncDisposable {
  readonly #stopping = new AbortController()
  readonly #sfu: Server
  readonly #http: HttpServer
  readonly #arrived: Promise<Socket>
  readonly #ends: Socket[] = []

  private constructor(sfu: Server, http: HttpServer) {
    this.#sfu = sfu
    this.#http = http
    this.#arrived = once(sfu, 'connection').then(([socket]) => socket as Socket)
    sfu.on('connection', (socket) => this.#ends.push(socket.on('error', () => undefined)))
  }

  static async start({ isUp = true } = {}): Promise<Place> {
    const [sfu, http] = [createServer().listen(0, '127.0.0.1'), createHttpServer().listen(0, '127.0.0.1')]
    await Promise.all([once(sfu, 'listening'), once(http, 'listening')])
    const place = new Place(sfu, http)
    const target = () => (isUp ? `http://127.0.0.1:${(sfu.address() as AddressInfo).port}` : undefined)
    http.on('upgrade', sfuTunnel({ target, trustedProxies: trustedProxies([]), stopping: place.#stopping.signal }))
    return place
  }

  /** Asks for a WebSocket, and gives the connection. */
  ask(path: string, more = ''): Socket {
    const socket = connect((this.#http.address() as AddressInfo).port, '127.0.0.1')
    this.#ends.push(socket.on('error', () => undefined))
    socket.write(`GET ${path} HTTP/1.1\r\nHost: hs.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${more}\r\n`)
    return socket
  }

  /** The end of it at the SFU. */
  get arrived(): Promise<Socket> {
    return this.#arrived
  }

  stop(): void {
    this.#stopping.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
    for (const socket of this.#ends) socket.destroy()
    this.#http.closeAllConnections()
    this.#http.close()
    this.#sfu.close()
    await Promise.all([once(this.#http, 'close'), once(this.#sfu, 'close')])
  }
}

/** However it ends. */
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => void socket.once('close', () => resolve()))

const firstOf = async (socket: Socket): Promise<string> => String((await once(socket, 'data'))[0])

test('T91: WebSockets come to the SFU, with where they came from, and nothing else of it is there', async () => {
  await using place = await Place.start()
  for (const path of [
    '/livekit/sfu/twirp/livekit.RoomService/ListRooms',
    '/livekit/sfu/',
    '/other',
    '/livekit/sfurtc',
  ]) {
    expect(await firstOf(place.ask(path))).toMatch(/^HTTP\/1\.1 404 /)
  }
  const client = place.ask('/livekit/sfu/rtc/v1?access_token=x', 'X-Forwarded-For: 203.0.113.9\r\n')
  const sfu = await place.arrived
  const head = await firstOf(sfu)
  expect(head).toMatch(/^GET \/rtc\/v1\?access_token=x HTTP\/1\.1\r\nX-Forwarded-For: 127\.0\.0\.1\r\n/)
  expect(head).not.toContain('203.0.113.9')
  sfu.write('to the client')
  expect(await firstOf(client)).toBe('to the client')
  client.write('to the SFU')
  expect(await firstOf(sfu)).toBe('to the SFU')
  client.destroy()
  await closed(sfu)
})

test('T91: who does not read makes the SFU wait, and costs no memory here', async () => {
  await using place = await Place.start()
  const client = place.ask('/livekit/sfu/rtc')
  client.pause()
  const sfu = await place.arrived
  for (let n = 0; n < BLOCKS; n++) sfu.write(Buffer.alloc(MIB))
  for (let before = -1; before !== sfu.writableLength;) {
    before = sfu.writableLength
    for (let turn = 0; turn < 200; turn++) await setImmediate()
  }
  // some megabytes are in the buffers of the system
  expect(sfu.writableLength).toBeGreaterThan((BLOCKS / 2) * MIB)
  client.resume()
  await once(sfu, 'drain')
  client.destroy()
  await closed(sfu)
})

test('an SFU that is down is said to be, and all ends when the server stops', async () => {
  await using down = await Place.start({ isUp: false })
  expect(await firstOf(down.ask('/livekit/sfu/rtc'))).toMatch(/^HTTP\/1\.1 503 /)
  await using place = await Place.start()
  const client = place.ask('/livekit/sfu/rtc')
  client.resume()
  await place.arrived
  place.stop()
  await closed(client)
})
