/** Somebody without an account in a call, by a link: in Chromium, through the real SFU, with people who use Element. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { logger } from 'matrix-js-sdk/lib/logger.js'
import type { Page } from 'playwright-core'
import { Element, silent, until } from '../../e2e/element.ts'
import { callFlags, hearsMore, keepConnections } from '../../support/call-sound.ts'
import { BrowsedServer, chromiumMissing, expectWhole, screens } from '../../support/chromium.ts'
import { Client } from '../../support/client.ts'
import { ElementCall } from '../../support/element-call.ts'
import { callPorts, livekit, livekitMissing } from '../../support/livekit.ts'

jest.setTimeout(300_000)
// sessions take this logger, whatever their client has
Object.assign(logger, silent, { log: silent.debug })

const PATIENCE_MS = 120_000

const missing = livekitMissing ?? chromiumMissing
const withCalls = missing ? describe.skip : describe

async function makeLink(alice: Client, room: string): Promise<string> {
  const { token } = await alice.post(`/_domovoi/client/v1/rooms/${encodeURIComponent(room)}/call_links`)
  return `/call/${String(token)}`
}

/** Whether there is a picture, and it moves. */
const playing = `((video) => video?.videoWidth > 0 && !video.paused)(document.querySelector('video'))`

withCalls(`guests in calls${missing ? ` (${missing})` : ''}`, () => {
  let browsed: BrowsedServer
  beforeAll(async () => {
    const config = `public_url: https://hs.test\n${await callPorts()}`
    browsed = await BrowsedServer.start(config, { flags: callFlags, parts: { livekit } })
  })
  afterAll(() => browsed[Symbol.asyncDispose]())

  async function open(link: string, options = {}): Promise<Page> {
    const context = await browsed.open({ locale: 'en', ...options })
    context.setDefaultTimeout(PATIENCE_MS)
    await keepConnections(context)
    const page = await context.newPage()
    await page.goto(link)
    return page
  }

  test('by keyboard alone a guest joins; the guest and somebody in Element Call hear each other, and see who is there', async () => {
    await using alice = await Element.start(browsed.server, 'alice', 'register')
    const { room_id: room } = await alice.client.createRoom({ name: 'Kitchen' })
    await until('the room is known', () => alice.client.getRoom(room) !== null)
    const session = await new Client(browsed.server.url).login('alice', 'password of alice')
    const link = await makeLink(session, room)
    await using hers = await ElementCall.open(browsed, alice, room, 'compatibility')
    await hers.join()

    const page = await open(link)
    expect(await page.textContent('h1')).toBe('Call: Kitchen')
    await page.keyboard.press('Tab')
    await page.keyboard.type('Kim')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.getByText('You are in the call.').waitFor()
    await page.getByRole('listitem').filter({ hasText: 'alice' }).waitFor()
    await page.getByRole('listitem').filter({ hasText: 'Kim (guest) (you)' }).waitFor()
    await Promise.all([hearsMore(page), hers.hears()])
    await hers.shows('Kim (guest)')

    const known = alice.client.getRoom(room)
    if (!known) throw new Error('unreachable')
    const call = alice.client.matrixRTC.getRoomSession(known)
    const names = call.memberships.map(({ userId }) => known.getMember(userId ?? '')?.name)
    expect(new Set(names)).toEqual(new Set(['Kim (guest)', 'alice']))
    await page.close({ runBeforeUnload: false })
    await until('the guest has left', () => call.memberships.length === 1, PATIENCE_MS)
    await until('the guest is out of the room', () => known.getJoinedMemberCount() === 1, PATIENCE_MS)
  })

  test.each(screens)('on a $name, $colorScheme: the page is whole in the call and out of it', async (shape) => {
    const { name, viewport, colorScheme } = shape
    const locale = name === 'phone' ? 'ru' : 'en'
    const alice = await browsed.server.register(`alice-${name}-${colorScheme}`)
    const link = await makeLink(alice, await alice.createRoom({ name: 'Kitchen' }))
    const page = await open(link, { viewport, colorScheme, locale })
    const look = (title: string): Promise<void> => expectWhole(page, title, `${name}-${colorScheme}`)
    const words = locale === 'ru' ? ['Войти в звонок', 'Выйти', 'Камера'] : ['Join the call', 'Leave', 'Camera']
    const [join = '', leave = '', camera = ''] = words
    await look('call-enter')
    const { length } = await page.content()
    expect(length).toBeLessThan(60_000)
    expect(await page.evaluate('performance.getEntriesByType("resource").length')).toBe(0)
    await page.getByRole('textbox').fill('Kim')
    await page.getByRole('button', { name: join }).click()
    await page.getByRole('listitem').filter({ hasText: 'Kim' }).waitFor()
    await page.getByRole('button', { name: camera }).click()
    await until('the guest sees their own picture', () => page.evaluate<boolean>(playing), PATIENCE_MS)
    await look('call-inside')
    await page.getByRole('button', { name: leave }).click()
    await page.locator('[data-part=again]').waitFor()
    await look('call-over')
    await page.goto('/call/no-such-link')
    await look('call-no-link')
    await page.context().close()
  })
})
