import { describe, expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { callbackOf, OAuthApp } from '../../../test/support/oauth-app.ts'
import { ann, ben, codeIn, nonceOn, pictureOn, WithBot } from '../../../test/support/telegram-login-bot.ts'
import { Visitor } from '../../../test/support/visitor.ts'

const sso = '/_matrix/client/v3/login/sso/redirect/telegram?redirectUrl=https%3A%2F%2Fapp.example%2F'

forEachDatabase(({ dialect: database }) => {
  test('by the link of the page somebody gets an account, and the same one the next time', async () => {
    await using world = await WithBot.start({ database })
    const { server, bot } = world
    const { flows } = await server.client().get('/login')
    expect(flows[0]).toMatchObject({
      type: 'm.login.sso',
      identity_providers: [{ id: 'telegram', name: 'Telegram', brand: 'telegram' }],
    })
    const browser = new Visitor(server)
    await browser.open(sso)
    expect(browser.shown.address).toMatch(/^\/auth\/telegram\?continue=/)
    expect(browser.shown.text).toContain('https://t.me/example_bot?start=L')
    const issued = await bot.openLinkOf(browser, ann)
    expect(issued).toMatchObject({ code: expect.stringMatching(/^\d{6}$/), expires_in_ms: 180_000 })
    await browser.submit({ code: `${issued.code.slice(0, 3)}-${issued.code.slice(3)} ` })
    expect(browser.shown.text).toContain('Hello, Ann Lee!')
    expect(browser.shown.text).toContain('value="ann_lee"')
    await browser.submit()
    expect(browser.shown.text).toContain('Continue to app.example?')
    await browser.submit()
    const token = new URL(browser.shown.address).searchParams.get('loginToken')
    const client = server.client()
    const session = await client.post('/login', { type: 'm.login.token', token })
    expect(session).toMatchObject({ user_id: '@ann_lee:hs.test' })
    expect(await client.get('/profile/@ann_lee:hs.test')).toEqual({ displayname: 'Ann Lee' })
    const signedIn = { type: 'signed_in', tg_user: ann.id, user_id: '@ann_lee:hs.test' }
    expect(await bot.events()).toMatchObject([
      { type: 'code_over', code_id: issued.code_id },
      { ...signedIn, is_new: true },
    ])

    const again = new Visitor(server)
    await world.logIn(again, ann, sso)
    expect(again.shown.text).toContain('@ann_lee:hs.test')
    expect((await bot.events()).at(-1)).toMatchObject({ ...signedIn, is_new: false })
  })

  test('by a picture: the right one gives the code for that page alone, a wrong one ends the attempt', async () => {
    await using world = await WithBot.start({ database })
    const { server, bot } = world
    const noPage = { kind: 'refused', reason: 'no_page', url: 'https://hs.test/auth/telegram' }
    expect(await bot.start(ann)).toEqual(noPage)
    const [browser, other] = [new Visitor(server), new Visitor(server)]
    await browser.open('/auth/telegram')
    await other.open('/auth/telegram')
    const asked = await bot.start(ann)
    const choices = asked.kind === 'match' ? asked.choices : []
    expect(choices).toHaveLength(9)
    expect(new Set(choices).size).toBe(9)
    expect(choices).toEqual(expect.arrayContaining([pictureOn(browser), pictureOn(other)]))
    const wrong = choices.find((one) => one !== pictureOn(browser) && one !== pictureOn(other)) ?? ''
    expect(await bot.match(ann.id, wrong)).toEqual({ kind: 'refused', reason: 'bad_choice' })
    expect(await bot.match(ann.id, pictureOn(browser))).toEqual({ kind: 'refused', reason: 'bad_choice' })

    await bot.start(ann)
    const { code } = codeIn(await bot.match(ann.id, pictureOn(browser)))
    await other.submit({ code })
    expect(other.shown.status).toBe(403)
    await browser.submit({ code })
    expect(browser.shown.address).toMatch(/^\/auth\/new/)
  })

  test('case 33: in open mode the owner of the code is asked, and can say no', async () => {
    await using world = await WithBot.start({ database, config: 'telegram: { login: { mode: open } }' })
    const { server, bot } = world
    const [browser, thief] = [new Visitor(server), new Visitor(server)]
    const { code } = codeIn(await bot.start(ann))
    await thief.open('/auth/telegram')
    await thief.submit({ code })
    expect(thief.shown.text).toContain('http-equiv="refresh"')
    const [question] = await bot.events()
    expect(question).toMatchObject({ type: 'confirm', tg_user: ann.id })
    const decision = { tg_user: ann.id, code_id: question?.type === 'confirm' ? question.code_id : '' }
    expect((await bot.ask('login/confirm', { ...decision, tg_user: ben.id })).status).toBe(200)
    expect((await thief.open('/auth/telegram')).text).toContain('http-equiv="refresh"')
    await bot.ask('login/deny', decision)
    await bot.ask('login/confirm', decision)
    expect((await thief.open('/auth/telegram')).text).toContain('start=L')

    const { code: second, code_id: codeId } = codeIn(await bot.start(ann))
    await browser.open('/auth/telegram')
    await browser.submit({ code: second })
    await bot.ask('login/confirm', { tg_user: ann.id, code_id: codeId })
    expect((await browser.open('/auth/telegram')).address).toMatch(/^\/auth\/new/)
  })

  test('Element X gets its session by the same page', async () => {
    await using world = await WithBot.start({ database })
    const app = await OAuthApp.start(world.server)
    const browser = new Visitor(world.server)
    await browser.open(app.authorizationUrl())
    expect(browser.shown.text).toContain('Continue with Telegram')
    const [, link = ''] = /href="(\/auth\/telegram[^"]*)"/.exec(browser.shown.text) ?? []
    await world.logIn(browser, ann, link.replaceAll('&#38;', '&'))
    await browser.submit({ decision: 'allow' })
    const { body } = await app.exchange(callbackOf(browser.shown.address).get('code') ?? '')
    expect(await app.client(body['access_token'] as string).get('/account/whoami')).toMatchObject({
      user_id: '@ann_lee:hs.test',
    })
  })

  test('case 40: an account is linked on its page, unlinked there, and by commands', async () => {
    await using world = await WithBot.start({ database })
    const { server, bot } = world
    const alice = await server.register('alice')
    const browser = new Visitor(server)
    await browser.open('/account?action=logins')
    await browser.submit({ username: 'alice', password: 'password of alice' })
    expect(browser.shown.text).toContain('Not linked with Telegram')
    await browser.open('/auth/telegram?link=1')
    await browser.submit({ code: (await bot.openLinkOf(browser, ann)).code })
    expect(browser.shown.text).toContain('Linked with Telegram')
    const account = async (by: object) => (await bot.ask('account', by)).body
    expect(await account({ tg_user: ann.id })).toEqual({
      user_id: '@alice:hs.test',
      tg_user: ann.id,
      login_enabled: true,
    })
    // Telegram's name is no reason to change the one that is there
    expect(await alice.get('/profile/@alice:hs.test')).toEqual({ displayname: 'alice' })

    await server.register('bob')
    const start = async (userId: string) => (await bot.ask('link/start', { user_id: userId })).body['nonce'] as string
    const open = async (person: object, nonce: string) => (await bot.ask('link/open', { person, nonce })).body
    expect(await open(ann, await start('@bob:hs.test'))).toEqual({ kind: 'refused', reason: 'taken' })
    const passedOn = await start('@bob:hs.test')
    expect(await open(ben, passedOn)).toEqual({ kind: 'ask', user_id: '@bob:hs.test' })
    expect(await open({ id: '99', first_name: 'Mallory' }, passedOn)).toEqual({ kind: 'refused', reason: 'bad_link' })
    expect((await bot.ask('link/confirm', { tg_user: ben.id, nonce: passedOn })).body).toEqual({
      kind: 'refused',
      reason: 'bad_link',
    })
    const nonce = await start('@bob:hs.test')
    await open(ben, nonce)
    expect((await bot.ask('link/confirm', { tg_user: ben.id, nonce })).body['kind']).toBe('linked')
    expect((await bot.ask('unlink', { tg_user: ben.id })).body).toEqual({ kind: 'unlinked', user_id: '@bob:hs.test' })
    expect(await account({ user_id: '@bob:hs.test' })).toEqual({ login_enabled: true })

    await browser.submit()
    expect(browser.shown.text).toContain('Unlinked.')
    expect((await bot.events()).map(({ type }) => type)).toEqual([
      'code_over',
      'linked',
      'linked',
      'unlinked',
      'unlinked',
    ])
  })

  test('cases 40 and 41: who has no other way in keeps the link, ends sessions from Telegram, and confirms by the page', async () => {
    const clock = new FakeClock()
    await using world = await WithBot.start({ database, parts: { clock } })
    const { server, bot } = world
    const browser = new Visitor(server)
    await world.logIn(browser, ann, sso)
    const logInAgain = async () => {
      await browser.open(sso)
      await browser.submit()
      const token = new URL(browser.shown.address).searchParams.get('loginToken')
      const client = server.client()
      const body = await client.post('/login', { type: 'm.login.token', token })
      client.token = body['access_token'] as string
      client.deviceId = body['device_id'] as string
      return client
    }
    const [phone, laptop] = [await logInAgain(), await logInAgain()]
    expect((await bot.ask('unlink', { tg_user: ann.id })).body).toEqual({ kind: 'refused', reason: 'only_way' })

    const end = (auth?: object) => phone.request('POST', '/delete_devices', { devices: [laptop.deviceId], auth })
    const { body } = await end()
    expect(body['flows']).toEqual([{ stages: ['m.login.sso'] }])
    const session = body['session'] as string
    const fallback = `/_matrix/client/v3/auth/m.login.sso/fallback/web?session=${session}`
    const stranger = new Visitor(server)
    await world.logIn(
      stranger,
      ben,
      `/auth/telegram?continue=${encodeURIComponent(`/auth/confirm?session=${session}`)}`,
    )
    expect(stranger.shown.status).toBe(403)
    await browser.open(fallback)
    await browser.submit()
    expect((await end({ session })).status).toBe(200)

    const { sessions } = (await bot.ask('sessions', { tg_user: ann.id })).body
    expect(sessions).toMatchObject([{ device_id: phone.deviceId }])
    await bot.ask('sessions/end', { tg_user: ben.id, device_id: phone.deviceId })
    expect((await phone.request('GET', '/account/whoami')).status).toBe(200)
    await bot.ask('sessions/end', { tg_user: ann.id })
    expect((await phone.request('GET', '/account/whoami')).status).toBe(401)
    expect((await browser.open('/account')).address).toMatch(/^\/login/)
  })

  test('name and picture follow Telegram until the user chooses others', async () => {
    await using world = await WithBot.start({ database })
    const { server, bot } = world
    await world.logIn(new Visitor(server), ann)
    const anybody = server.client()
    const profile = () => anybody.get('/profile/@ann_lee:hs.test')
    const picture = 'mxc://hs.test/one'
    await bot.ask('profile', { person: { ...ann, first_name: 'Anna\u202e' }, avatar_url: picture })
    expect(await profile()).toEqual({ displayname: 'Anna Lee', avatar_url: picture })
    await server.server.services.profiles.set(
      { ...requester, userId: '@ann_lee:hs.test' },
      '@ann_lee:hs.test',
      'displayname',
      'Captain',
    )
    await bot.ask('profile', { person: ann, avatar_url: 'mxc://hs.test/two' })
    expect(await profile()).toEqual({ displayname: 'Captain', avatar_url: 'mxc://hs.test/two' })
    expect((await bot.ask('profile', { person: ann, avatar_url: 'https://x/' })).status).toBe(400)
  })
})

const requester = {
  deviceId: undefined,
  sessionId: 'test',
  isGuest: false,
  isAdmin: false,
  isSuspended: false,
  appserviceId: undefined,
}

describe('who gets no code', () => {
  test('case 40: strangers where no accounts are made, and the link to an account is still theirs', async () => {
    await using world = await WithBot.start({ config: 'registration: { mode: closed }' })
    const { server, bot } = world
    const browser = new Visitor(server)
    await browser.open('/auth/telegram')
    expect(await bot.start(ann, nonceOn(browser))).toEqual({ kind: 'refused', reason: 'no_account' })
    await server.server.services.registration.register({ userId: '@alice:hs.test', password: 'password of alice' })
    await browser.open('/auth/telegram?link=1')
    await browser.submit({ username: 'alice', password: 'password of alice' })
    await browser.open('/auth/telegram?link=1')
    await browser.submit({ code: (await bot.openLinkOf(browser, ann)).code })
    expect(browser.shown.text).toContain('Linked with Telegram')
  })

  test('with an invitation only who has one makes an account', async () => {
    await using world = await WithBot.start({ config: 'telegram: { login: { registration: invite } }' })
    const browser = new Visitor(world.server)
    await browser.open('/auth/telegram')
    await browser.submit({ code: (await world.bot.openLinkOf(browser, ann)).code })
    await browser.submit({ invite: 'none' })
    expect(browser.shown.text).toContain('This invitation code does not exist')
  })

  test('case 40: locked, suspended and deactivated accounts, and who has switched it off', async () => {
    await using world = await WithBot.start()
    const { server, bot } = world
    await world.logIn(new Visitor(server), ann)
    const { accounts, deactivation } = server.server.services
    const browser = new Visitor(server)
    const ask = async () => {
      await browser.open('/auth/telegram')
      return await bot.start(ann, nonceOn(browser))
    }
    const notAllowed = { kind: 'refused', reason: 'not_allowed' }
    await bot.ask('settings', { tg_user: ann.id, login_enabled: false })
    expect(await ask()).toEqual(notAllowed)
    await bot.ask('settings', { tg_user: ann.id, login_enabled: true })
    for (const right of ['isLocked', 'isSuspended'] as const) {
      await accounts.setRights('@ann_lee:hs.test', { [right]: true })
      expect(await ask()).toEqual(notAllowed)
      await accounts.setRights('@ann_lee:hs.test', { [right]: false })
    }
    expect((await ask()).kind).toBe('code')
    await deactivation.deactivate('@ann_lee:hs.test', { erase: true })
    await server.server.settle()
    // the link is gone with the account; the name stays taken
    expect((await ask()).kind).toBe('code')
  })

  test('nobody without a bot, and no other application service may ask', async () => {
    await using world = await WithBot.start({ config: 'telegram: { login: { mode: off } }' })
    const { server, bot } = world
    expect((await new Visitor(server).open('/auth/telegram')).status).toBe(404)
    expect(await bot.start(ann)).toEqual({ kind: 'refused', reason: 'off' })
    const alice = await server.register('alice')
    expect((await alice.request('POST', '/_internal/telegram/login/start', { person: ann })).status).toBe(401)
    expect((await server.client().request('POST', '/_internal/telegram/login/start', { person: ann })).status).toBe(401)
  })
})

test('the bot is told at once, and not twice', async () => {
  await using world = await WithBot.start()
  const { server, bot } = world
  const waiting = bot.ask('events', { after: 0, timeout_ms: 60_000 })
  await world.logIn(new Visitor(server), ann)
  const { body } = await waiting
  expect(body['events']).toMatchObject([{ type: 'code_over' }])
  const { body: rest } = await bot.ask('events', { after: body['next'], timeout_ms: 60_000 })
  expect(rest['events']).toMatchObject([{ type: 'signed_in' }])
  expect(await bot.events()).toHaveLength(1)
})
