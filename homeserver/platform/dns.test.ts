import { expect, test } from '@jest/globals'
import { createDns, type DnsQueries } from './dns.ts'
import { FakeClock } from './fake-clock.ts'

const nothing = (): Promise<never> =>
  Promise.reject(Object.assign(new Error('queryA ENOTFOUND'), { code: 'ENOTFOUND' }))
const hosts = (): Promise<string> => Promise.resolve('')

function queriesOf(answers: Partial<DnsQueries>): DnsQueries & { asked: string[] } {
  const asked: string[] = []
  const { resolve4 = nothing, resolve6 = nothing, resolveSrv = nothing } = answers
  return {
    asked,
    resolve4: (host, options) => {
      asked.push(host)
      return resolve4(host, options)
    },
    resolve6,
    resolveSrv: (name) => {
      asked.push(name)
      return resolveSrv(name)
    },
  }
}

test('addresses of both families are found, together with one question for all who ask', async () => {
  const queries = queriesOf({
    resolve4: () => Promise.resolve([{ address: '192.0.2.1', ttl: 60 }]),
    resolve6: () => Promise.resolve([{ address: '2001:db8::1', ttl: 60 }]),
  })
  const dns = createDns({ queries, hosts })
  const found = await Promise.all([dns.addresses('hs.example'), dns.addresses('HS.example.')])
  expect(found).toEqual([
    ['192.0.2.1', '2001:db8::1'],
    ['192.0.2.1', '2001:db8::1'],
  ])
  expect(queries.asked).toEqual(['hs.example'])
  expect(await dns.addresses('2001:db8::7')).toEqual(['2001:db8::7'])
})

test('an answer is kept as long as its records say, between half a minute and an hour', async () => {
  const clock = new FakeClock()
  const ttls: Record<string, number> = { short: 1, middle: 600, long: 1_000_000 }
  const queries = queriesOf({
    resolve4: (host) => Promise.resolve([{ address: '192.0.2.1', ttl: ttls[host] ?? 0 }]),
  })
  const dns = createDns({ queries, clock, hosts })
  const ask = async (): Promise<string[]> => {
    queries.asked.length = 0
    for (const name of Object.keys(ttls)) await dns.addresses(name)
    return [...queries.asked]
  }
  expect(await ask()).toEqual(['short', 'middle', 'long'])
  await clock.advance(29_999)
  expect(await ask()).toEqual([])
  await clock.advance(1)
  expect(await ask()).toEqual(['short'])
  await clock.advance(570_000)
  expect(await ask()).toEqual(['short', 'middle'])
  await clock.advance(3_000_000)
  expect(await ask()).toContain('long')
})

test('T99: a name that nobody answers for is not asked for again for a while', async () => {
  const clock = new FakeClock()
  const queries = queriesOf({})
  const dns = createDns({ queries, clock, hosts })
  for (let n = 0; n < 3; n++) await expect(dns.addresses('gone.example')).rejects.toMatchObject({ code: 'ENOTFOUND' })
  expect(await dns.services('_matrix-fed._tcp.gone.example')).toEqual([])
  expect(await dns.services('_matrix-fed._tcp.gone.example')).toEqual([])
  expect(queries.asked).toEqual(['gone.example', '_matrix-fed._tcp.gone.example'])
  await clock.advance(30_000)
  await expect(dns.addresses('gone.example')).rejects.toThrow('gone.example has no address')
  expect(queries.asked).toHaveLength(3)
})

test('the hosts file comes before DNS', async () => {
  const text = '127.0.0.1 localhost # here\n127.0.1.2\tHS2 hs2.test\n::1 localhost\nnonsense hs3\n'
  const dns = createDns({ queries: queriesOf({}), hosts: () => Promise.resolve(text) })
  expect(await dns.addresses('hs2')).toEqual(['127.0.1.2'])
  expect(await dns.addresses('localhost')).toEqual(['127.0.0.1', '::1'])
  await expect(dns.addresses('hs3')).rejects.toThrow()
})

test('services come by priority, and among equals by weight', async () => {
  const record = (name: string, priority: number, weight: number) => ({ name, port: 8448, priority, weight })
  const records = [record('last', 20, 100), record('rare', 10, 1), record('often', 10, 99), record('.', 0, 0)]
  const dns = createDns({ queries: queriesOf({ resolveSrv: () => Promise.resolve(records) }), hosts })
  let often = 0
  for (let n = 0; n < 200; n++) {
    const names = (await dns.services('_matrix-fed._tcp.hs.example')).map(({ name }) => name)
    expect(names.at(-1)).toBe('last')
    expect(names).toHaveLength(3)
    if (names[0] === 'often') often++
  }
  expect(often).toBeGreaterThan(150)
})
