/** The real LiveKit server, for tests that make real calls. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { findLivekit } from '../../homeserver/domain/rtc/find-livekit.ts'
import { freePort } from '../../homeserver/domain/rtc/run-livekit.ts'
import type { Client } from './client.ts'
import { startServer, type TestServer, type TestServerOptions } from './server.ts'
import { until } from './until.ts'

/** That which `LIVEKIT_SERVER` names, or where `npm run calls:install` puts it in a clone. */
export const livekit = await findLivekit(join(import.meta.dirname, '../../data'), process.env)

/** Why there is none for this run, or undefined if there is. */
export const livekitMissing = livekit === undefined ? 'no livekit-server: npm run calls:install' : undefined

/** Why nobody can speak or listen in this run, or undefined if they can. */
export const mediaMissing = livekitMissing ?? clientMissing()

function clientMissing(): string | undefined {
  try {
    createRequire(import.meta.url).resolve('@livekit/rtc-node')
    return undefined
  } catch {
    return 'no @livekit/rtc-node for this machine'
  }
}

/** Settings of a server whose LiveKit gets in nobody's way. `more` are further ones of calls, such as `turn: {…}`. */
export async function callPorts(more = ''): Promise<string> {
  const [tcp, udp] = await Promise.all([freePort(), freeUdpPort()])
  return `calls: { sfu: auto, address: 127.0.0.1, tcp_port: ${tcp}, udp_port: ${udp}, ${more} }`
}

/** A server with a LiveKit of its own. */
export async function startCallServer({ config = [], parts, ...options }: TestServerOptions = {}): Promise<TestServer> {
  return await startServer({
    ...options,
    config: [await callPorts(), ...[config].flat()],
    parts: { livekit, ...parts },
  })
}

/** Asks for a token by OpenID, as old clients do. `delegation` leaves a delayed event to the server. */
export async function askToken(
  server: { readonly url: string },
  client: Client,
  room: string,
  delegation: object = {},
): Promise<{ readonly status: number; readonly jwt: string }> {
  const openId = await client.post(`/user/${client.userId}/openid/request_token`)
  const request = { room, openid_token: openId, device_id: client.deviceId, ...delegation }
  const response = await fetch(`${server.url}/livekit/jwt/sfu/get`, { method: 'POST', body: JSON.stringify(request) })
  const { jwt = '' } = (await response.json()) as { jwt?: string }
  return { status: response.status, jwt }
}

const loneCaller = fileURLToPath(new URL('../calls/real/lone-caller.ts', import.meta.url))

/** Somebody in a call, in a process of their own, which the native client needs. */
export class LoneCaller implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #said: string[] = []

  constructor(server: TestServer, jwt: string, what: 'speak' | 'listen' | 'stay' = 'stay') {
    const url = `${server.url.replace('http', 'ws')}/livekit/sfu` // the way that browsers take
    this.#child = spawn(process.execPath, [loneCaller, url, jwt, what], { stdio: ['ignore', 'pipe', 'inherit'] })
    if (this.#child.stdout) createInterface({ input: this.#child.stdout }).on('line', (line) => this.#said.push(line))
  }

  /** Resolves when it has said that. */
  async says(line: string): Promise<void> {
    await until(() => this.#said.includes(line) || this.#child.exitCode !== null, 20)
    if (!this.#said.includes(line)) throw new Error(`The caller ended without saying ${line}: ${this.#said.join(', ')}`)
  }

  /** As if its machine lost its power. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}
