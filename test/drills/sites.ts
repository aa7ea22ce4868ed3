/** Places for servers that find each other: a loopback address is each one's name, and one certificate is for all of them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificate } from '../support/certificates.ts'
import { loopback } from '../support/loopback.ts'

const PORT = 8448

export interface Site {
  /** As a server name. */
  readonly name: string
  readonly host: string
  /** For other servers. */
  readonly port: number
  /** Files; the certificate is its own authority. */
  readonly tls: { readonly key: string; readonly cert: string }
}

export class Sites implements AsyncDisposable {
  readonly list: readonly Site[]
  readonly #folder: string

  private constructor(folder: string, list: readonly Site[]) {
    this.#folder = folder
    this.list = list
  }

  static async make(count: number): Promise<Sites> {
    const folder = await mkdtemp(join(tmpdir(), 'domovoi-sites-'))
    const hosts = Array.from({ length: count }, (_, index) => loopback(index + 1))
    const { key, cert } = makeCertificate(...hosts)
    const tls = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') }
    await Promise.all([writeFile(tls.key, key), writeFile(tls.cert, cert)])
    return new Sites(
      folder,
      hosts.map((host) => ({ host, name: `${host}:${PORT}`, port: PORT, tls })),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}
