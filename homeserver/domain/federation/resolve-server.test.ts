import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import { FakeDns } from '../../../test/support/fake-dns.ts'
import { fakeFetcher } from '../../../test/support/fake-fetch.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { createFetcher } from '../../platform/fetch.ts'
import { createResolveServer, type Target } from './resolve-server.ts'
import { WellKnown } from './well-known.ts'

/** Which host delegates to whom, and where SRV records lead. */
interface World {
  readonly wellKnown?: Readonly<Record<string, string>>
  readonly srv?: Readonly<Record<string, readonly string[]>>
}

async function resolve(name: string, { wellKnown = {}, srv = {} }: World = {}): Promise<readonly Target[]> {
  const dns = new FakeDns()
  for (const [service, targets] of Object.entries(srv)) {
    const records = targets.map((target) => target.split(':'))
    dns.records.set(
      service,
      records.map(([host = '', port]) => ({ name: host, port: Number(port) })),
    )
  }
  const fetch = fakeFetcher(({ hostname }) => {
    const server = wellKnown[hostname]
    return server === undefined ? { status: 404 } : { body: { 'm.server': server } }
  })
  return await createResolveServer({ dns, wellKnown: new WellKnown({ fetch, clock: new FakeClock() }) })(name)
}

/** `host:port Host-header certificate-name` */
const show = ({ host, port, hostHeader, certificateName }: Target): string =>
  `${host}:${port} ${hostHeader} ${certificateName ?? '-'}`

const everything: World = {
  wellKnown: { 'hs.test': 'other.test' },
  srv: {
    '_matrix-fed._tcp.hs.test': ['wrong.test:1'],
    '_matrix-fed._tcp.other.test': ['fed.test:8', 'spare.test:9'],
    '_matrix._tcp.other.test': ['old.test:7'],
  },
}

test.each<[step: string, name: string, world: World, ...targets: string[]]>([
  ['1: an IPv4 address', '192.0.2.1', everything, '192.0.2.1:8448 192.0.2.1 -'],
  ['1: an IPv4 address with port', '192.0.2.1:7', everything, '192.0.2.1:7 192.0.2.1:7 -'],
  ['1: an IPv6 address', '[2001:db8::1]', everything, '2001:db8::1:8448 [2001:db8::1] -'],
  ['1: an IPv6 address with port', '[2001:db8::1]:7', everything, '2001:db8::1:7 [2001:db8::1]:7 -'],
  ['2: a port', 'hs.test:7', everything, 'hs.test:7 hs.test:7 hs.test'],
  ['3.1: delegated to an address', 'hs.test', { wellKnown: { 'hs.test': '[::2]:7' } }, '::2:7 [::2]:7 -'],
  ['3.2: delegated to a port', 'hs.test', { wellKnown: { 'hs.test': 'd.test:7' } }, 'd.test:7 d.test:7 d.test'],
  [
    '3.3: SRV of the delegate',
    'hs.test',
    everything,
    'fed.test:8 other.test other.test',
    'spare.test:9 other.test other.test',
  ],
  [
    '3.4: old SRV of the delegate',
    'hs.test',
    { wellKnown: { 'hs.test': 'd.test' }, srv: { '_matrix._tcp.d.test': ['old.test:7'] } },
    'old.test:7 d.test d.test',
  ],
  ['3.5: the delegate itself', 'hs.test', { wellKnown: { 'hs.test': 'd.test' } }, 'd.test:8448 d.test d.test'],
  [
    '4: SRV',
    'hs.test',
    { srv: { '_matrix-fed._tcp.hs.test': ['fed.test:7'], '_matrix._tcp.hs.test': ['old.test:7'] } },
    'fed.test:7 hs.test hs.test',
  ],
  ['5: old SRV', 'hs.test', { srv: { '_matrix._tcp.hs.test': ['old.test:7'] } }, 'old.test:7 hs.test hs.test'],
  ['6: nothing', 'hs.test', {}, 'hs.test:8448 hs.test hs.test'],
  [
    'no second delegation',
    'hs.test',
    { wellKnown: { 'hs.test': 'd.test', 'd.test': 'e.test:1' } },
    'd.test:8448 d.test d.test',
  ],
])('step %s', async (_, name, world, ...targets) => {
  expect((await resolve(name, world)).map(show)).toEqual(targets)
})

test('T43: whatever a server says about itself, nothing inside is dialled', async () => {
  let connections = 0
  const canary = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  await new Promise<void>((done) => canary.listen(0, '127.0.0.1', done))
  const { port } = canary.address() as AddressInfo // listening on TCP
  const dns = new FakeDns() // every name is this machine
  const fetch = createFetcher({ resolve: (host) => dns.addresses(host), timeoutMs: 2_000 })
  const resolveServer = createResolveServer({ dns, wellKnown: new WellKnown({ fetch, clock: new FakeClock() }) })
  dns.serve('srv.test', port, '127.0.0.1')
  const names = [
    'named.test',
    `named.test:${port}`,
    'srv.test',
    ...'127.0.0.1 127.1 2130706433 0x7f000001 017700000001 0.0.0.0 127.0.0.1.'.split(' '),
    ...'[::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [64:ff9b::7f00:1] [2002:7f00:1::] [::] [fe80::1]'.split(' '),
  ]
  const all = names.flatMap((name) => (/:\d+$/.test(name) ? [name] : [name, `${name}:${port}`]))
  for (const name of all) {
    for (const { host, port: at, certificateName } of await resolveServer(name)) {
      const url = `https://${host.includes(':') ? `[${host}]` : host}:${at}/`
      const call = fetch(url, certificateName === undefined ? {} : { servername: certificateName })
      await expect(call).rejects.toMatchObject({ name: 'FetchError', failure: 'denied' })
    }
  }
  expect(connections).toBe(0)
  fetch.close()
  canary.close()
})
