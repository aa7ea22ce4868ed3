/** Servers that talk with each other over TLS, each on a port of this machine and found by its bare name. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JsonObject } from '../../homeserver/core/event.ts'
import type { FederationServices } from '../../homeserver/domain/federation/open-federation.ts'
import { makeCertificate } from './certificates.ts'
import type { Dialect } from './databases.ts'
import { FakeDns } from './fake-dns.ts'
import { startServer, type TestServer, type TestServerOptions } from './server.ts'

export interface FederatedServer {
  readonly name: string
  readonly server: TestServer
  readonly services: FederationServices
  /** Its own key document, as others read it. */
  keys(): JsonObject
}

/** A world of names that lead to this machine, with one certificate for all of them. */
export class Federation implements AsyncDisposable {
  readonly dns = new FakeDns()
  readonly #folder: string
  readonly #resources = new AsyncDisposableStack()

  private constructor(folder: string) {
    this.#folder = folder
    this.#resources.defer(() => rm(folder, { recursive: true, force: true }))
  }

  /** Of the names that servers will have. */
  static async make(...names: readonly string[]): Promise<Federation> {
    const folder = await mkdtemp(join(tmpdir(), 'domovoi-federation-'))
    const { key, cert } = makeCertificate(...names, 'localhost')
    await Promise.all([writeFile(join(folder, 'key.pem'), key), writeFile(join(folder, 'cert.pem'), cert)])
    return new Federation(folder)
  }

  /** Key and certificate, for a server that is not one of ours. */
  get tls(): { readonly key: string; readonly cert: string } {
    return { key: join(this.#folder, 'key.pem'), cert: join(this.#folder, 'cert.pem') }
  }

  /** Starts one of our servers under that name. `options.config` is added to the configuration. */
  async start(name: string, options: TestServerOptions = {}): Promise<FederatedServer> {
    const { key, cert } = this.tls
    const config = `
server_name: ${name}
federation: { mode: open }
tls: { mode: files, port: 0, key: ${key}, cert: ${cert} }
outgoing: { allow_ranges: [127.0.0.0/8], ca_file: ${cert} }
`
    const server = await startServer({
      ...options,
      config: [config, ...[options.config ?? []].flat()],
      parts: { dns: this.dns, ...options.parts },
    })
    this.#resources.use(server)
    this.dns.serve(name, server.server.tlsPort ?? 0)
    const { services } = server.server
    return { name, server, services, keys: () => services.ownKeys.document() }
  }

  /** Ends something else with this world. */
  closeAfter(resource: AsyncDisposable): void {
    this.#resources.use(resource)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync()
  }
}

/** Two servers, hs1.test and hs2.test. */
export async function startTwo(
  database: Dialect = 'sqlite',
): Promise<{ readonly federation: Federation; readonly hs1: FederatedServer; readonly hs2: FederatedServer }> {
  const federation = await Federation.make('hs1.test', 'hs2.test')
  const [hs1, hs2] = await Promise.all([
    federation.start('hs1.test', { database }),
    federation.start('hs2.test', { database }),
  ])
  return { federation, hs1, hs2 }
}
