import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createFetcher, type Fetcher } from './fetch.ts'

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const describeTls = hasOpenssl ? describe : describe.skip

/** A certificate for the name hs1 and for 127.0.0.1, signed by itself. */
function makeCertificate(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'domovoi-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const request = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=hs1'.split(' ')
  const names = ['-addext', 'subjectAltName=DNS:hs1,IP:127.0.0.1']
  execFileSync('openssl', [...request, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  const made = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  rmSync(folder, { recursive: true })
  return made
}

describeTls('over TLS', () => {
  let server: Server
  let port: number
  let fetcher: Fetcher
  const local = { resolve: () => Promise.resolve(['127.0.0.1']), allow: ['127.0.0.0/8'] }

  beforeAll(async () => {
    const { key, cert } = makeCertificate()
    server = createServer({ key, cert }, ({ headers }, response) => response.end(headers.host))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port // listening on TCP
    fetcher = createFetcher({ ...local, ca: [cert] })
  })
  afterAll(() => {
    fetcher.close()
    server.close()
  })

  test('the certificate must be trusted', async () => {
    const answer = await fetcher(`https://hs1:${port}/`)
    expect(answer.body.toString()).toBe(`hs1:${port}`)
    await expect(createFetcher(local)(`https://hs1:${port}/`)).rejects.toMatchObject({ failure: 'network' })
  })

  test('the certificate must have the name or address asked for, whatever the Host header says', async () => {
    expect((await fetcher(`https://127.0.0.1:${port}/`)).status).toBe(200)
    const wrong = fetcher(`https://other.example:${port}/`, { headers: { host: 'hs1' } })
    await expect(wrong).rejects.toMatchObject({ cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } })
  })

  test('a delegated server shows the certificate of the name it serves', async () => {
    const { body } = await fetcher(`https://target.example:${port}/`, { servername: 'hs1', headers: { host: 'hs1' } })
    expect(body.toString()).toBe('hs1')
  })
})
