/**
 * Servers of ours and a Synapse that share rooms over TLS. Each has a loopback address of its own, which is its name,
 * and a gate in front of it that can be shut.
 */
import { randomBytes } from 'node:crypto'
import { signingKeyFromSeed } from '../../homeserver/core/signing.ts'
import type { Client } from './client.ts'
import { hasOpenssl } from './certificates.ts'
import { type Dialect, freshDatabaseUrl } from './databases.ts'
import { type FederatedServer, Federation } from './federation.ts'
import { Gate } from './gate.ts'
import { Synapse, synapsePython } from './synapse.ts'

const PORT = 8448

/** Programs that are not here; without them tests beside Synapse are skipped. */
export const missingPrograms = [...(hasOpenssl ? [] : ['openssl']), ...(synapsePython === undefined ? ['Synapse'] : [])]
/** One of ours, which may be ended and started again with what it had. */
export class OurServer implements Home {
  readonly name: string
  readonly gate: Gate
  readonly #begin: () => Promise<FederatedServer>
  running: FederatedServer

  private constructor(name: string, gate: Gate, begin: () => Promise<FederatedServer>, running: FederatedServer) {
    this.name = name
    this.gate = gate
    this.#begin = begin
    this.running = running
  }

  static async start(federation: Federation, host: string, database: Dialect): Promise<OurServer> {
    const name = `${host}:${PORT}`
    const url = await freshDatabaseUrl(database)
    const parts = { signingKeys: [signingKeyFromSeed('test', randomBytes(32))] as const }
    const begin = (): Promise<FederatedServer> =>
      federation.start(name, { config: `database: { url: '${url}' }`, parts })
    const running = await begin()
    const gate = await Gate.open({ host, port: PORT }, tlsPlace(running))
    federation.closeAfter(gate)
    return new OurServer(name, gate, begin, running)
  }

  /** Clients have to be told its new `url`. */
  async restart(): Promise<void> {
    await this.running.server[Symbol.asyncDispose]()
    this.running = await this.#begin()
    this.gate.target = tlsPlace(this.running)
  }

  get url(): string {
    return this.running.server.url
  }

  async register(username: string): Promise<Client> {
    return await this.running.server.register(username)
  }
}

/** What is alike in both kinds of servers. */
export interface Home {
  readonly name: string
  readonly url: string
  register(username: string): Promise<Client>
}

export interface MixedWorld extends AsyncDisposable {
  readonly ours: readonly OurServer[]
  readonly synapse: Synapse
  readonly synapseGate: Gate
}

/** `count` servers of ours beside one Synapse. */
export async function startMixed(count: number, database: Dialect = 'sqlite'): Promise<MixedWorld> {
  // Where Synapse listens, where it is found, and where the others are.
  const [host, name, ...others] = [
    loopback(1),
    loopback(2),
    ...Array.from({ length: count }, (_, n) => loopback(n + 3)),
  ]
  const federation = await Federation.make(name, ...others)
  try {
    const synapse = await Synapse.start({ host, name: `${name}:${PORT}`, tls: federation.tls })
    federation.closeAfter(synapse)
    const synapseGate = await Gate.open({ host: name, port: PORT }, synapse)
    federation.closeAfter(synapseGate)
    const ours = await Promise.all(others.map((address) => OurServer.start(federation, address, database)))
    return { ours, synapse, synapseGate, [Symbol.asyncDispose]: () => federation[Symbol.asyncDispose]() }
  } catch (error) {
    await federation[Symbol.asyncDispose]()
    throw error
  }
}

/** Of this process alone. */
function loopback(index: number): string {
  return `127.${64 + (process.pid & 63)}.${(process.pid >> 6) & 255}.${index}`
}

function tlsPlace({ server }: FederatedServer): { readonly host: string; readonly port: number } {
  return { host: '127.0.0.1', port: server.server.tlsPort ?? 0 }
}
