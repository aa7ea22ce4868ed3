/** The real LiveKit server, for tests that make real calls. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import { findLivekit } from '../../homeserver/domain/rtc/find-livekit.ts'
import { freePort } from '../../homeserver/domain/rtc/run-livekit.ts'
import { startServer, type TestServer, type TestServerOptions } from './server.ts'

/** That which `LIVEKIT_SERVER` names, or where `npm run calls:install` puts it in a clone. */
export const livekit = await findLivekit(join(import.meta.dirname, '../../data'), process.env)

/** Why there is none for this run, or undefined if there is. */
export const livekitMissing = livekit === undefined ? 'no livekit-server: npm run calls:install' : undefined

/** Settings of a server whose LiveKit gets in nobody's way. */
export async function callPorts(): Promise<string> {
  const [tcp, udp] = await Promise.all([freePort(), freeUdpPort()])
  return `calls: { sfu: auto, address: 127.0.0.1, tcp_port: ${tcp}, udp_port: ${udp} }`
}

/** A server with a LiveKit of its own. */
export async function startCallServer({ config = [], parts, ...options }: TestServerOptions = {}): Promise<TestServer> {
  return await startServer({
    ...options,
    config: [await callPorts(), ...[config].flat()],
    parts: { livekit, ...parts },
  })
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}
