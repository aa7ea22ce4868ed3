/** A real TURN server, coturn, and the first steps of a client of it. https://www.rfc-editor.org/rfc/rfc8656 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash, createHmac, randomBytes, randomInt } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Why there is no TURN server for this run, or undefined if there is. */
export const coturnMissing =
  spawnSync('turnserver', ['--version']).error === undefined ? undefined : 'no turnserver: install the package coturn'

export class TurnServer implements AsyncDisposable {
  readonly port: number
  readonly #child: ChildProcess
  readonly #ended: Promise<never>
  readonly #folder: string

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port
    this.#child = child
    this.#ended = once(child, 'exit').then(() => Promise.reject(new Error('turnserver has ended')))
    this.#ended.catch(() => undefined) // it ends when nobody asks, too
    this.#folder = folder
  }

  /** It may take a moment until it answers: clients repeat what they ask. `relaysHere` lets it relay to this machine. */
  static async start(secret: string, { relaysHere = false } = {}): Promise<TurnServer> {
    const port = await freePort()
    const folder = await mkdtemp(join(tmpdir(), 'domovoi-turn-'))
    const options = ['--use-auth-secret', `--static-auth-secret=${secret}`, '--realm=hs.test', '--no-cli', '--no-tls']
    const place = [
      '--no-dtls',
      '--no-tcp',
      `--listening-port=${port}`,
      '--listening-ip=127.0.0.1',
      '--relay-ip=127.0.0.1',
    ]
    // it does so only for those who have thought of its command line, too
    const peers = relaysHere ? ['--allow-loopback-peers', '--cli-password=none'] : []
    const files = [`--userdb=${folder}/turn.db`, `--pidfile=${folder}/pid`, '--log-file=stdout', '--no-stdout-log']
    const child = spawn('turnserver', ['-n', ...options, ...place, ...peers, ...files], {
      cwd: folder,
      stdio: 'ignore',
    })
    return new TurnServer(port, child, folder)
  }

  /** Asks for a relay address. The error code of the refusal, or undefined if there is one. */
  async allocate(username: string, password: string): Promise<number | undefined> {
    const socket = createSocket('udp4')
    socket.on('error', () => undefined) // the server does not listen yet
    try {
      const first = await this.#ask(socket, [])
      const realm = first.attributes.get(attribute.realm) ?? Buffer.alloc(0)
      const nonce = first.attributes.get(attribute.nonce) ?? Buffer.alloc(0)
      const key = createHash('md5').update(`${username}:${realm.toString()}:${password}`).digest()
      const own = [
        encode(attribute.username, Buffer.from(username)),
        encode(attribute.realm, realm),
        encode(attribute.nonce, nonce),
      ]
      return (await this.#ask(socket, own, key)).error
    } finally {
      socket.close()
    }
  }

  /** Repeats the request until it is answered, as clients do over UDP. */
  async #ask(socket: Socket, attributes: readonly Buffer[], key?: Buffer): Promise<Answer> {
    const message = request([encode(attribute.requestedTransport, Buffer.from([17, 0, 0, 0])), ...attributes], key)
    const send = (): void => socket.send(message, this.port, '127.0.0.1')
    const repeat = setInterval(send, 100)
    send()
    try {
      for (;;) {
        const [answer] = (await Promise.race([once(socket, 'message'), this.#ended])) as [Buffer]
        // What answers an earlier request that was sent twice is passed over.
        if (transactionOf(answer).equals(transactionOf(message))) return parse(answer)
      }
    } finally {
      clearInterval(repeat)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = once(this.#child, 'exit')
      this.#child.kill('SIGKILL')
      await ended
    }
    await rm(this.#folder, { recursive: true, force: true })
  }
}

interface Answer {
  readonly attributes: ReadonlyMap<number, Buffer>
  readonly error: number | undefined
}

const attribute = { username: 0x06, integrity: 0x08, error: 0x09, realm: 0x14, nonce: 0x15, requestedTransport: 0x19 }
const allocateRequest = 0x0003
const magicCookie = 0x2112a442
const headerLength = 20

function encode(type: number, value: Buffer): Buffer {
  const padded = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4)
  padded.writeUInt16BE(type, 0)
  padded.writeUInt16BE(value.length, 2)
  value.copy(padded, 4)
  return padded
}

const transactionOf = (message: Buffer): Buffer => message.subarray(8, headerLength)

/** With a key the message says at its end who made it; its length counts that in. */
function request(attributes: readonly Buffer[], key: Buffer | undefined): Buffer {
  const body = Buffer.concat(attributes)
  const header = Buffer.alloc(headerLength)
  header.writeUInt16BE(allocateRequest, 0)
  header.writeUInt16BE(body.length + (key ? 24 : 0), 2)
  header.writeUInt32BE(magicCookie, 4)
  randomBytes(12).copy(header, 8)
  const message = Buffer.concat([header, body])
  if (!key) return message
  return Buffer.concat([message, encode(attribute.integrity, createHmac('sha1', key).update(message).digest())])
}

function parse(answer: Buffer): Answer {
  const attributes = new Map<number, Buffer>()
  for (let at = headerLength; at + 4 <= answer.length;) {
    const length = answer.readUInt16BE(at + 2)
    attributes.set(answer.readUInt16BE(at), answer.subarray(at + 4, at + 4 + length))
    at += 4 + Math.ceil(length / 4) * 4
  }
  const error = attributes.get(attribute.error)
  return { attributes, error: error && (error[2] ?? 0) * 100 + (error[3] ?? 0) }
}

/** Below the ports that the system gives to those who do not care which they get: nobody takes it in between. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    const socket = createSocket('udp4')
    const bound = once(socket, 'listening').then(
      () => true,
      () => false,
    )
    socket.bind(port, '127.0.0.1')
    const isFree = await bound
    if (!isFree) continue
    await new Promise<void>((resolve) => socket.close(() => resolve()))
    return port
  }
}
