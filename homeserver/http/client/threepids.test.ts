import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Mailbox } from '../../../test/support/mailbox.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

const address = 'Ann@Example.org'
const secret = 'a.secret'

async function ask(client: Client, path: string, more: object = {}): Promise<string> {
  const body = { client_secret: secret, send_attempt: 1, email: address, ...more }
  return (await client.post(`${path}/email/requestToken`, body))['sid'] as string
}

/** Does on the page what a person does: looks, and clicks if there is something to click. */
async function click(server: TestServer, link: string | undefined): Promise<Response> {
  const url = new URL(link ?? '')
  const here = server.url + url.pathname + url.search
  const shown = await fetch(here)
  const token = /name="token" value="([^"]+)"/.exec(await shown.clone().text())?.[1]
  if (token === undefined) return shown
  const cookie = shown.headers.get('set-cookie')?.split(';')[0] ?? ''
  return await fetch(here, {
    method: 'POST',
    body: new URLSearchParams({ token }),
    headers: { cookie },
    redirect: 'manual',
  })
}

forEachDatabase(({ dialect: database }) => {
  const start = (mailbox: Mailbox, config = '', clock = new FakeClock()): Promise<TestServer> =>
    startServer({ database, config: [mailbox.config, config], parts: { clock } })

  /** Alice, with her address added. */
  async function withAddress(mailbox: Mailbox, server: TestServer): Promise<Client> {
    const alice = await server.register('alice')
    const sid = await ask(alice, '/account/3pid')
    await click(server, (await mailbox.letter(mailbox.letters.length)).link)
    const auth = { type: 'm.login.password', password: 'password of alice' }
    await alice.post('/account/3pid/add', { sid, client_secret: secret, auth })
    return alice
  }

  test('an address is added after a click on the link in the letter, and removed with a word to its owner', async () => {
    await using mailbox = await Mailbox.start()
    await using server = await start(mailbox)
    const alice = await server.register('alice')
    expect((await alice.get('/capabilities'))['capabilities']['m.3pid_changes']).toEqual({ enabled: true })
    const sid = await ask(alice, '/account/3pid')
    const { to, link, source } = await mailbox.letter(0)
    expect(to).toEqual(['ann@example.org'])
    expect(source).toContain('Subject: Confirm your e-mail address for hs.test')
    const add = { sid, client_secret: secret, auth: { type: 'm.login.password', password: 'password of alice' } }
    const refused = { status: 400, errcode: 'M_THREEPID_AUTH_FAILED' }
    expect(await alice.refusal('POST', '/account/3pid/add', add)).toEqual(refused)
    expect((await fetch(link?.replace('https://hs.test', server.url) ?? '')).status).toBe(200) // mail programs look at links
    expect(await alice.refusal('POST', '/account/3pid/add', add)).toEqual(refused)
    expect((await click(server, link)).status).toBe(200)
    expect(await alice.refusal('POST', '/account/3pid/add', { ...add, client_secret: 'another' })).toEqual(refused)
    await alice.post('/account/3pid/add', add)
    const threepid = {
      medium: 'email',
      address: 'ann@example.org',
      validated_at: expect.any(Number),
      added_at: expect.any(Number),
    }
    expect(await alice.get('/account/3pid')).toEqual({ threepids: [threepid] })
    expect(await alice.refusal('POST', '/account/3pid/add', add)).toEqual(refused)

    await alice.post('/account/3pid/delete', { medium: 'email', address })
    expect(await alice.get('/account/3pid')).toEqual({ threepids: [] })
    expect((await mailbox.letter(1)).source).toContain('This address was removed')
  })

  test('people log in by their address, and reset a password that they have forgotten', async () => {
    await using mailbox = await Mailbox.start()
    await using server = await start(mailbox)
    const alice = await withAddress(mailbox, server)
    const login = (password: string) => ({
      type: 'm.login.password',
      identifier: { type: 'm.id.thirdparty', medium: 'email', address },
      password,
    })
    const client = server.client()
    expect(await client.post('/login', login('password of alice'))).toMatchObject({ user_id: alice.userId })
    const nobody = { ...login('x'), identifier: { type: 'm.id.thirdparty', medium: 'email', address: 'x@y.example' } }
    expect(await client.refusal('POST', '/login', nobody)).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })

    const before = mailbox.letters.length
    const sid = await ask(client, '/account/password')
    const auth = { type: 'm.login.email.identity', threepid_creds: { sid, client_secret: secret } }
    const reset = { new_password: 'another', auth }
    expect((await client.request('POST', '/account/password', reset)).status).toBe(401)
    await click(server, (await mailbox.letter(before)).link)
    await client.post('/account/password', reset)
    expect((await mailbox.letter(before + 1)).source).toContain('The password was changed')
    expect((await alice.request('GET', '/account/whoami')).status).toBe(401)
    expect(await client.post('/login', login('another'))).toMatchObject({ user_id: alice.userId })
    expect((await client.request('POST', '/account/password', reset)).status).toBe(401)
  })

  test('new accounts can need a confirmed address', async () => {
    await using mailbox = await Mailbox.start()
    await using server = await start(mailbox, 'registration: { email: required }')
    const client = server.client()
    const sid = await ask(client, '/register', { next_link: 'https://app.example/next' })
    const clicked = await click(server, (await mailbox.letter(0)).link)
    expect([clicked.status, clicked.headers.get('location')]).toEqual([303, 'https://app.example/next'])
    const { body } = await client.request('POST', '/register', { username: 'ann', password: 'x' })
    expect(body['flows']).toEqual([{ stages: ['m.login.email.identity'] }])
    const auth = {
      type: 'm.login.email.identity',
      threepid_creds: { sid, client_secret: secret },
      session: body['session'],
    }
    const { access_token: token } = await client.post('/register', { username: 'ann', password: 'x', auth })
    client.token = token as string
    expect((await client.get('/account/3pid'))['threepids']).toMatchObject([{ address: 'ann@example.org' }])
  })

  test('T62: the answer does not tell whether an address is known', async () => {
    await using mailbox = await Mailbox.start()
    await using server = await start(mailbox)
    await withAddress(mailbox, server)
    const client = server.client()
    const before = mailbox.letters.length
    expect(await ask(client, '/account/password', { email: 'nobody@example.org' })).toEqual(expect.any(String))
    expect(await ask(client, '/register')).toEqual(expect.any(String))
    expect((await mailbox.letter(before)).source).toContain('You have an account on hs.test')
    await server.server.settle()
    expect(mailbox.letters).toHaveLength(before + 1)
  })

  test('T65: an address has one owner, one proof, and bounds to what is sent to it', async () => {
    await using mailbox = await Mailbox.start()
    const clock = new FakeClock()
    await using server = await start(mailbox, '', clock)
    const bob = await server.register('bob')
    const sid = await ask(bob, '/account/3pid')
    expect(await ask(bob, '/account/3pid')).toBe(sid)
    expect(await ask(bob, '/account/3pid', { send_attempt: 2 })).not.toBe(sid)
    expect(
      await bob.refusal('POST', '/account/3pid/email/requestToken', {
        client_secret: 'a b',
        send_attempt: 1,
        email: address,
      }),
    ).toMatchObject({ status: 400 })
    expect(
      await bob.refusal('POST', '/account/3pid/email/requestToken', {
        client_secret: secret,
        send_attempt: 1,
        email: 'a@b.example\r\nBcc: c@d.example',
      }),
    ).toMatchObject({ status: 400 })
    expect(
      await bob.refusal('POST', '/account/3pid/email/requestToken', {
        client_secret: secret,
        send_attempt: 1,
        email: address,
        next_link: 'javascript:alert(1)',
      }),
    ).toMatchObject({ status: 400 })
    for (let attempt = 3; attempt <= 5; attempt++) await ask(bob, '/account/3pid', { send_attempt: attempt })
    const more = { client_secret: 'other', send_attempt: 1, email: address }
    expect(await bob.refusal('POST', '/account/3pid/email/requestToken', more)).toMatchObject({ status: 429 })
    const { link: last } = await mailbox.letter(4)
    expect((await click(server, (await mailbox.letter(0)).link)).status).toBe(400)
    await clock.advance(3_600_001)
    expect((await click(server, last)).status).toBe(400)
  }, 60_000)

  test('a telephone number is proved by a code that a gateway brings', async () => {
    const sent: { to: string; text: string; authorization: string | undefined }[] = []
    await using gateway = Object.assign(
      createServer((request, response) => {
        void text(request).then((body) => {
          sent.push({
            ...(JSON.parse(body) as { to: string; text: string }),
            authorization: request.headers.authorization,
          })
          response.end()
        })
      }),
    )
    await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve))
    const { port } = gateway.address() as AddressInfo
    await using server = await startServer({
      database,
      config: `sms: { gateway: 'http://127.0.0.1:${port}/', secret: s }`,
    })
    const alice = await server.register('alice')
    const asking = { client_secret: secret, send_attempt: 1, country: 'GB', phone_number: '07700 900001' }
    const { sid, msisdn, submit_url: submitUrl } = await alice.post('/account/3pid/msisdn/requestToken', asking)
    expect(msisdn).toBe('447700900001')
    await server.server.settle()
    expect(sent).toEqual([
      { to: '447700900001', text: expect.stringMatching(/^\d{6} is your code/), authorization: 'Bearer s' },
    ])
    const path = new URL(submitUrl as string).pathname
    const code = sent[0]?.text.slice(0, 6) ?? ''
    const wrong = code === '000000' ? '000001' : '000000'
    expect(await alice.post(path, { sid, client_secret: secret, token: wrong })).toEqual({ success: false })
    expect(await alice.post(path, { sid, client_secret: secret, token: code })).toEqual({ success: true })
    const auth = { type: 'm.login.password', password: 'password of alice' }
    await alice.post('/account/3pid/add', { sid, client_secret: secret, auth })
    const identifier = { type: 'm.id.phone', country: 'GB', phone: '07700900001' }
    const login = { type: 'm.login.password', identifier, password: 'password of alice' }
    expect(await server.client().post('/login', login)).toMatchObject({ user_id: alice.userId })
  })

  test('without a mail server there is no letter, and the client hears so', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const body = { client_secret: secret, send_attempt: 1, email: address }
    const refusal = { status: 400, errcode: 'M_THREEPID_MEDIUM_NOT_SUPPORTED' }
    expect(await alice.refusal('POST', '/account/3pid/email/requestToken', body)).toEqual(refusal)
    expect((await alice.get('/capabilities'))['capabilities']['m.3pid_changes']).toEqual({ enabled: false })
  })
})
