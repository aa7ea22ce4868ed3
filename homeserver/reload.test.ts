import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { connect } from 'node:tls'
import { describe, expect, jest, test } from '@jest/globals'
import { hasOpenssl, makeCertificate } from '../test/support/certificates.ts'
import { Federation, startTwo } from '../test/support/federation.ts'
import { type Logged, Place, stop } from '../test/support/program.ts'

jest.setTimeout(120_000) // starts a whole process

test('a running server reads its settings again on SIGHUP, and says what has to wait for a restart', async () => {
  await using place = await Place.make()
  const settings = (text: string) => writeFile(place.path('config.yaml'), `server_name: localhost\n${text}`)
  const registration = {
    id: 'bot',
    url: null,
    as_token: 'token_of_the_bot',
    hs_token: 'token_for_the_bot',
    sender_localpart: 'bot',
    namespaces: {},
  }
  await writeFile(place.path('bot.yaml'), JSON.stringify(registration))
  await settings('limits: { preset: off }')
  const { child } = await place.start()
  const lines = createInterface({ input: child.stdout ?? process.stdin })[Symbol.asyncIterator]()
  const logged = async (message: string): Promise<Logged> => {
    for (;;) {
      const line = JSON.parse(String((await lines.next()).value)) as Logged
      if (line['msg'] === message) return line
    }
  }
  const whoami = async (): Promise<number> => {
    const headers = { authorization: `Bearer ${registration.as_token}` }
    return (await fetch(`${place.url}/_matrix/client/v3/account/whoami`, { headers })).status
  }
  expect(await whoami()).toBe(401)

  await settings(
    'log: { level: debug }\nlisten: { trusted_proxies: [10.0.0.1] }\nappservices: [bot.yaml]\nnotices: { name: X }',
  )
  child.kill('SIGHUP')
  expect(await logged('settings read again')).toMatchObject({ level: 'info' })
  expect(await logged('changed settings need a restart')).toMatchObject({
    settings: ['listen.trusted_proxies', 'notices.name'],
  })
  expect(await whoami()).toBe(200)
  await fetch(`${place.url}/_matrix/client/versions`)
  expect(await logged('request')).toMatchObject({ level: 'debug' })

  await settings('log: { level: debug, path: logs }\nappservices: [nowhere.yaml]')
  child.kill('SIGHUP')
  expect(await logged('settings not read again')).toMatchObject({ problem: expect.stringContaining('nowhere.yaml') })
  await settings('presence: ful')
  child.kill('SIGHUP')
  expect(await logged('settings not read again')).toMatchObject({ problem: expect.stringContaining('config.yaml:2:1') })
  expect(await whoami()).toBe(200)

  await settings('log: { path: logs }\nappservices: [bot.yaml]')
  child.kill('SIGHUP')
  await logged('settings read again')
  const written = async (name: string): Promise<string> => await readFile(place.path(`logs/${name}`), 'utf8')
  expect(await written('domovoi.log')).toContain('settings read again')
  await settings('presence: ful\nlog: { path: logs }')
  child.kill('SIGHUP')
  await logged('settings not read again')
  expect(JSON.parse(await written('error.log'))).toMatchObject({ msg: 'settings not read again' })
  expect(await stop(child)).toBe(0)
  expect(await written('domovoi.log')).toContain('"stopped"')
})

const describeTls = hasOpenssl ? describe : describe.skip

describeTls('over TLS', () => {
  test('whom the server does not talk to is read again, in both directions', async () => {
    const { federation, hs1, hs2 } = await startTwo()
    await using _ = federation
    const [alice, bob] = [await hs1.server.register('alice'), await hs2.server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    const join = `/join/${encodeURIComponent(roomId)}?via=hs1.test`
    const reload = async (deny: readonly string[]): Promise<void> => {
      const { server } = hs1.server
      await server.reload({ federation: { ...server.services.config.federation, deny } })
    }
    await reload(['*.test'])
    expect(await bob.refusal('POST', join)).toMatchObject({ status: 403 })
    expect(await alice.refusal('GET', `/profile/${encodeURIComponent(bob.userId)}`)).toMatchObject({ status: 403 })
    await reload([])
    expect(await bob.post(join)).toEqual({ room_id: roomId })
  })

  test('a certificate that was renewed is shown without a restart', async () => {
    await using federation = await Federation.make('hs1.test')
    const { server } = await federation.start('hs1.test')
    const shown = async (): Promise<string> => {
      const socket = connect({ host: '127.0.0.1', port: server.server.tlsPort ?? 0, rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      const { fingerprint256: fingerprint } = socket.getPeerCertificate()
      socket.destroy()
      return fingerprint
    }
    const before = await shown()
    await server.server.reload({})
    expect(await shown()).toBe(before)
    const { key, cert } = makeCertificate('hs1.test')
    await writeFile(federation.tls.key, key)
    await writeFile(federation.tls.cert, 'nonsense')
    await expect(server.server.reload({})).rejects.toThrow()
    expect(await shown()).toBe(before)
    await writeFile(federation.tls.cert, cert)
    await server.server.reload({})
    expect(await shown()).not.toBe(before)
  })
})
