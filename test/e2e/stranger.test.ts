/** What README promises to somebody who has never seen it, from an empty directory to a chat of two. */
import { cp, readFile, symlink } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, jest, test } from '@jest/globals'
import type { Page } from 'playwright-core'
import { launchChromium } from '../support/browser.ts'
import { chromiumMissing } from '../support/chromium.ts'
import { Client } from '../support/client.ts'
import { Place, stop } from '../support/program.ts'

jest.setTimeout(300_000) // starts whole processes and a browser, perhaps on a busy machine

const repository = fileURLToPath(new URL('../../', import.meta.url))

/** A place with the files of a clone, as they are after `npm install`. */
async function cloned(): Promise<Place> {
  const place = await Place.make()
  for (const name of ['homeserver', 'migrations', 'bridges', 'package.json']) {
    await cp(`${repository}${name}`, place.path(name), { recursive: true })
  }
  await symlink(`${repository}node_modules`, place.path('node_modules'))
  return place
}

/** The file that a script of package.json runs. */
async function scriptOf(place: Place, name: string): Promise<string> {
  const { scripts } = JSON.parse(await readFile(place.path('package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const [program, ...rest] = scripts[name]?.split(' ') ?? []
  expect(program).toBe('node')
  return place.path(rest.find((word) => !word.startsWith('--')) ?? '')
}

const passwordOf = (name: string): string => `password of ${name}`

async function makeAccount(page: Page, name: string): Promise<void> {
  await page.getByLabel('User name').fill(name)
  await page.getByLabel('New password', { exact: true }).fill(passwordOf(name))
  await page.getByLabel('New password, once more').fill(passwordOf(name))
  await page.getByRole('button', { name: 'Create account' }).click()
}

const group = chromiumMissing ? describe.skip : describe
group(chromiumMissing ? `a stranger (${chromiumMissing})` : 'a stranger', () => {
  test('starts the server, becomes its admin, invites a friend, talks, and has nothing to mend', async () => {
    await using place = await cloned()
    const cli = await scriptOf(place, 'cli')
    const run = (...args: string[]) => place.run(cli, { args })
    const { child, log } = await place.start({}, await scriptOf(place, 'start'))
    const { links } = log.find(({ msg }) => msg === 'become the admin') as { links: string[] }
    await using browser = await launchChromium()

    const own = await browser.newPage({ javaScriptEnabled: false })
    await own.goto(links[0] ?? '')
    await makeAccount(own, 'owner')
    await own.getByText('You are the administrator.').waitFor()
    expect(await own.getByRole('link', { name: 'Open Element' }).getAttribute('href')).toMatch(/^https:/)
    expect((await own.goto(links[0] ?? ''))?.status()).toBe(404)

    const { code, stdout } = await run('invite')
    expect(code).toBe(0)
    const friends = await browser.newPage({ javaScriptEnabled: false })
    await friends.goto(stdout.trim().split('\n').at(-1) ?? '')
    await friends.getByRole('link', { name: 'Create account' }).click()
    await makeAccount(friends, 'friend')
    await friends.waitForURL('**/account')

    const owner = await new Client(place.url).login('owner', passwordOf('owner'))
    const friend = await new Client(place.url).login('friend', passwordOf('friend'))
    const roomId = await owner.createRoom({ invite: ['@friend:localhost'] })
    await friend.post(`/rooms/${encodeURIComponent(roomId)}/join`, {})
    await friend.send(roomId, 'hello')
    const { chunk } = await owner.get(`/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=1`)
    expect(chunk).toMatchObject([{ sender: '@friend:localhost', content: { body: 'hello' } }])
    expect(await owner.get('/admin/whois/@friend:localhost')).toMatchObject({ user_id: '@friend:localhost' })

    const diagnosed = await run('diagnose', '--json')
    const findings = JSON.parse(diagnosed.stdout) as { area: string; level: string }[]
    const notGood = findings.filter(({ area, level }) => level !== 'good' && area !== 'disk')
    expect(notGood).toMatchObject([
      { area: 'backup', level: 'warn' },
      { area: 'calls', level: 'warn' },
    ])
    expect((await run('backup')).code).toBe(0)
    expect((await run('diagnose')).stdout).toMatch(/^good {2}backup /m)
    expect(await stop(child)).toBe(0)
  })
})
