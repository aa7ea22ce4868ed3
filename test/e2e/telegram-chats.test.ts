/** Choosing chats of Telegram in a real browser: the real bridge, and a Telegram of ours. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Page } from 'playwright-core'
import type { UserId } from '../../homeserver/core/ids.ts'
import { BrowsedServer, chromiumMissing, expectWhole, screens } from '../support/chromium.ts'
import { FakeTelegram, fullRights } from '../support/fake-telegram/fake-telegram.ts'
import type { Person } from '../support/fake-telegram/person.ts'
import type { FakeChat } from '../support/fake-telegram/world.ts'

const address = '/account?action=telegram'
const password = 'password of anna'

const group = chromiumMissing ? describe.skip : describe
group(chromiumMissing ? `in a browser (${chromiumMissing})` : 'in a browser', () => {
  let telegram: FakeTelegram
  let browsed: BrowsedServer
  beforeAll(async () => {
    telegram = await FakeTelegram.start()
    const bot = `bot_token: '${telegram.token}', api_root: '${telegram.url}', group_rate: 100000`
    browsed = await BrowsedServer.start(`telegram: { ${bot} }`)
  })
  afterAll(async () => {
    await browsed[Symbol.asyncDispose]()
    await telegram[Symbol.asyncDispose]()
  })

  /** Somebody with an account, linked with somebody in Telegram. */
  async function person(localpart: string): Promise<Person> {
    const { registration, externalAccounts } = browsed.server.server.services
    const userId: UserId = `@${localpart}:hs.test`
    await registration.register({ userId, displayname: localpart, password })
    const tom = telegram.person(localpart)
    await externalAccounts.link(userId, { provider: 'telegram', subject: String(tom.user.id) })
    return tom
  }

  /** A chat of theirs, of which the bridge knows. */
  async function chat(title: string, owner: Person, rights?: typeof fullRights): Promise<FakeChat> {
    const made = telegram.supergroup(title, { owner, ...(rights ? { bot: rights } : {}) })
    await telegram.until(() => telegram.said(made)[0])
    return made
  }

  async function logIn(page: Page, localpart: string): Promise<void> {
    await page.goto(address)
    await page.locator('input[name=username]').fill(localpart)
    await page.locator('input[name=password]').fill(password)
    await page.locator('main button').first().click()
  }

  test('without scripts a chat becomes a room, another is joined with a room, paused and ended', async () => {
    const anna = await person('anna')
    await chat('Kitchen', anna, fullRights)
    await chat('Garden', anna, fullRights)
    const client = await browsed.server.client().login('anna', password)
    await client.createRoom({ name: 'Flowers' })
    await client.createRoom({ name: 'Secret', initial_state: [encryption] })
    await using context = await browsed.open({ javaScriptEnabled: false })
    const page = await context.newPage()
    await logIn(page, 'anna')
    await page.getByRole('button', { name: 'Open as a new room: Kitchen' }).click()
    await page.getByText('The room is there').waitFor()
    const { rooms } = await client.sync()
    expect(Object.values(rooms?.invite ?? {})).toHaveLength(1)

    await page.getByRole('link', { name: 'Join with a room of mine: Garden' }).click()
    expect(await page.getByLabel('Room').locator('option').allTextContents()).toEqual(['Flowers'])
    await page.getByRole('button', { name: 'Join with a room of mine' }).click()
    await page.getByText('Bridged with Flowers.').waitFor()
    await page.getByRole('button', { name: 'Pause: Garden' }).click()
    await page.getByText('Bridged with Flowers. Paused.').waitFor()
    await page.getByRole('button', { name: 'Resume: Garden' }).click()
    await page.getByText('Bridged again.').waitFor()
    await page.getByRole('button', { name: 'End: Garden' }).click()
    await page.getByRole('link', { name: 'Join with a room of mine: Garden' }).waitFor()
  })

  test('who is not linked has no such page in their account, and is told what to do', async () => {
    const { registration } = browsed.server.server.services
    await registration.register({ userId: '@berta:hs.test', displayname: 'Berta', password })
    await using context = await browsed.open()
    const page = await context.newPage()
    await logIn(page, 'berta')
    await page.getByText('First link your account with Telegram').waitFor()
    expect(await page.getByRole('navigation').getByText('Telegram chats').count()).toBe(0)
  })

  test('what is refused is said in the language of the page', async () => {
    const carl = await person('carl')
    const garage = await chat('Garage', carl, fullRights)
    await using context = await browsed.open({ locale: 'ru' })
    const page = await context.newPage()
    await logIn(page, 'carl')
    await page.goto(`${address}&chat=${garage.chat.id}`)
    await page.getByText('Нет комнаты без шифрования').waitFor()
    await page.goto(`${address}&chat=-100`)
    await page.getByText('У вас нет такого чата.').waitFor()
    const client = await browsed.server.client().login('carl', password)
    await client.createRoom({ name: 'Own' })
    await page.goto(`${address}&chat=${garage.chat.id}`)
    telegram.world.setMember(garage, carl.user, carl.user, 'member') // since the page was made
    await page.getByRole('button', { name: 'Соединить с моей комнатой' }).click()
    await page.getByText('Это могут администраторы группы Telegram').waitFor()
  })

  test.each(screens)('on a $name, $colorScheme: the page is whole and without faults', async (shape) => {
    const { name, viewport, colorScheme } = shape
    const localpart = `kim-${viewport.width}-${colorScheme}`
    const kim = await person(localpart)
    await chat('Kitchen', kim, fullRights)
    await chat('A group with a very long name, as people like to give them: neighbours of the whole quarter', kim)
    const client = await browsed.server.client().login(localpart, password)
    await client.createRoom({ name: 'Flowers' })
    await using context = await browsed.open({ viewport, colorScheme, locale: name === 'phone' ? 'ru' : 'en' })
    const page = await context.newPage()
    await logIn(page, localpart)
    await page.getByRole('heading', { name: 'Kitchen' }).waitFor()
    const look = async (title: string): Promise<void> => await expectWhole(page, title, `${name}-${colorScheme}`)
    await look('telegram-chats')
    await page.locator('main a.button').last().click()
    await page.locator('select').waitFor()
    await look('telegram-rooms')
    await page.locator('main button').first().click()
    await page.locator('[role=status]').waitFor()
    await look('telegram-chats-joined')
  })
})

const encryption = { type: 'm.room.encryption', state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } }
