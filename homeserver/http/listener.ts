/** Sockets: how long a client may take, and how connections end. */
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** PEM, with its chain. */
export interface Certificate {
  readonly cert: string | Buffer
  readonly key: string | Buffer
}

export interface ListenOptions {
  readonly host: string
  /** 0 for a free one. */
  readonly port: number
  /** PEM; without it the listener speaks plain HTTP. */
  readonly tls?: Certificate
  /** Takes connections that want to speak something else, and ends them; without it they are ordinary requests. */
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

export interface Listening {
  readonly port: number
  /** For connections from here on. Throws for what is none; without TLS it does nothing. */
  certify(certificate: Certificate): void
  /** Ends idle connections at once, busy ones when they have answered or `graceMs` have passed. */
  close(graceMs: number): Promise<void>
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Against slow and silent clients (T47): headers within 15 s. Who reads a body sets its limit: a long upload may take an hour. */
const timeouts = { headersTimeout: 15_000, requestTimeout: 3_600_000, keepAliveTimeout: 65_000 }

export async function listen(handler: Handler, { host, port, tls, upgrade }: ListenOptions): Promise<Listening> {
  const secure = tls && createTlsServer({ ...timeouts, ...tls }, handler)
  const server = secure ?? createServer(timeouts, handler)
  if (upgrade) server.on('upgrade', upgrade)
  const sockets = socketsOf(server)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // listen() by host and port gives an address of this form
  const { port: bound } = server.address() as AddressInfo
  return {
    port: bound,
    certify: (certificate) => secure?.setSecureContext(certificate),
    close: (graceMs) => close(server, sockets, graceMs),
  }
}

/** The open connections of a server; with TLS also what they are carried by. */
function socketsOf(server: HttpServer): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  const remember = (socket: Socket): void => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  }
  server.on('connection', remember)
  server.on('secureConnection', remember)
  return sockets
}

async function close(server: HttpServer, sockets: ReadonlySet<Socket>, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
  // Clients open connections to spare. For Node they are not idle before their first request.
  for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  // A connection that was busy when the server was told to close is idle when it has its answer, and would be kept alive.
  const sweep = setInterval(() => server.closeIdleConnections(), 50)
  const deadline = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearInterval(sweep)
  clearTimeout(deadline)
}
