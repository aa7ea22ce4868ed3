import { createServer } from 'node:https'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import { FakeDns } from '../../../test/support/fake-dns.ts'
import { Federation } from '../../../test/support/federation.ts'
import { systemClock as clock } from '../../platform/clock.ts'
import { createFetcher } from '../../platform/fetch.ts'
import { type Diagnosis, diagnose } from './diagnose.ts'

const describeTls = hasOpenssl ? describe : describe.skip

async function look(
  federation: Federation,
  server: string,
  { dns = federation.dns, trust = true } = {},
): Promise<Diagnosis> {
  const ca = trust ? [await readFile(federation.tls.cert, 'utf8')] : []
  const fetch = createFetcher({ allow: ['127.0.0.0/8'], resolve: (host) => dns.addresses(host), clock, ca })
  try {
    return await diagnose({ dns, fetch, clock }, server)
  } finally {
    fetch.close()
  }
}

const badHops = ({ hops }: Diagnosis): string[] => hops.filter(({ ok }) => !ok).map(({ hop }) => hop)

describeTls('the way to a server', () => {
  test('is good where another server of ours answers', async () => {
    await using federation = await Federation.make('hs1.test')
    await federation.start('hs1.test')
    const found = await look(federation, 'hs1.test')
    expect(found).toMatchObject({ server: 'hs1.test', ok: true })
    expect(found.hops.map(({ hop }) => hop)).toEqual(['well-known', 'resolve', 'dns', 'tls', 'keys', 'version'])
    expect(found.hops.at(-1)?.detail).toMatch(/^It is Domovoi /)
  })

  test('fails at the hop that is broken, which is named with what mends it', async () => {
    await using federation = await Federation.make('hs1.test', 'empty.test')
    await federation.start('hs1.test')
    const [key, cert] = await Promise.all([readFile(federation.tls.key), readFile(federation.tls.cert)])
    const empty = createServer({ key, cert }, (_, response) => void response.writeHead(404).end())
    await using resources = new AsyncDisposableStack()
    resources.defer(() => {
      empty.closeAllConnections()
      empty.close()
    })
    await new Promise<void>((resolve) => void empty.listen(0, '127.0.0.1', resolve))
    const { port } = empty.address() as AddressInfo
    federation.dns.serve('empty.test', port)
    const [own] = federation.dns.records.get('_matrix-fed._tcp.hs1.test') ?? []
    federation.dns.serve('other.test', own?.port ?? 0)
    federation.dns.serve('closed.test', 1)
    const nameless = new FakeDns()
    nameless.addresses = () => Promise.reject(new Error('no address'))
    const inside = new FakeDns()
    inside.hosts.set('inside.test', ['10.0.0.1'])

    for (const [server, hop, options] of [
      ['no/name', 'name', {}],
      ['away.test', 'dns', { dns: nameless }],
      ['inside.test', 'connect', { dns: inside }],
      ['closed.test', 'connect', {}],
      ['hs1.test', 'tls', { trust: false }],
      ['other.test', 'tls', {}],
      ['empty.test', 'keys', {}],
      [`localhost:${own?.port}`, 'keys', {}],
    ] as const) {
      const found = await look(federation, server, options)
      expect([server, found.ok, badHops(found)[0]]).toEqual([server, false, hop])
      expect(found.hops.find(({ ok }) => !ok)?.fix).toBeDefined()
    }
  })
})
