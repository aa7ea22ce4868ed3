/**
 * The pictures of README and docs/, made from the running product: `npm run screenshots`. The real server starts in fresh
 * directories, and a browser goes through its pages as people do.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import sharp from 'sharp'
import { browserProgram, launchChromium } from '../support/browser.ts'
import { Client } from '../support/client.ts'
import { FakeSfu } from '../support/fake-sfu.ts'
import { cli, main, Place, stop } from '../support/program.ts'
import { terminalPage } from './terminal.ts'

const pictures = process.argv[2] ?? fileURLToPath(new URL('../../docs/pictures', import.meta.url))
const width = Number(process.argv[3] ?? 480)
/** Where the server listens if nobody says otherwise. */
const usual = 'http://localhost:8008'
const password = 'a password of the owner'

async function save(name: string, picture: Buffer, colours = 32): Promise<void> {
  const small = await sharp(picture).png({ palette: true, colours, effort: 10 }).toBuffer()
  await writeFile(`${pictures}/${name}.png`, small)
  process.stdout.write(`${name}.png  ${Math.ceil(small.length / 1000)} kB\n`)
}

/** A page as it is now, in light and dark. */
async function photograph(page: Page, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await page.evaluate('document.activeElement?.blur()')
    await save(`${name}-${colorScheme}`, await page.screenshot({ fullPage: true }))
  }
}

const newPage = async (browser: Browser): Promise<Page> =>
  await browser.newPage({ viewport: { width, height: 200 }, deviceScaleFactor: 1.25, locale: 'en' })

/** From the first start to the page that leads to Element. */
async function firstStart(browser: Browser): Promise<void> {
  await using place = await Place.make()
  // a terminal, as far as the server can tell
  const terminal = { NODE_OPTIONS: '--import=data:text/javascript,process.stdout.isTTY=true', FORCE_COLOR: '1' }
  const server = place.launch(main, { env: { ...terminal, DOMOVOI_PUBLIC_URL: usual } })
  let output = ''
  server.stdout?.setEncoding('utf8')
  for await (const chunk of server.stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    output += String(chunk)
    if (output.includes('Ctrl-C')) break
  }
  server.stdout?.resume()
  const [link = ''] = /http\S+\/setup\/\S+/.exec(output) ?? []
  const shown = await browser.newPage({ deviceScaleFactor: 1.5 })
  await shown.setContent(terminalPage('npm start', output.replaceAll(place.url, usual)))
  await save('start', await shown.locator('pre').screenshot(), 24)

  const page = await newPage(browser)
  await page.goto(link)
  await photograph(page, 'setup')
  await page.getByLabel('User name').fill('anna')
  await page.getByLabel('New password', { exact: true }).fill(password)
  await page.getByLabel('New password, once more').fill(password)
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByText('You are the administrator.').waitFor()
  await photograph(page, 'ready')
  await stop(server)
}

/** What people see of a server that has a name, an owner and calls. */
async function visits(browser: Browser): Promise<void> {
  await using place = await Place.make()
  await using sfu = await FakeSfu.start()
  const config = `server_name: home.example\npublic_url: https://home.example\nprofile: family\n${sfu.config}\n`
  await writeFile(place.path('config.yaml'), config)
  const { child } = await place.start()
  await place.run(cli, { args: ['register-user', '--admin', 'anna'], input: `${password}\n` })
  const { stdout: invitation } = await place.run(cli, { args: ['invite'] })
  const anna = await new Client(place.url).login('anna', password)
  const room = await anna.createRoom({ name: 'Kitchen' })
  const { token } = await anna.post(`/_domovoi/client/v1/rooms/${encodeURIComponent(room)}/call_links`)

  const page = await newPage(browser)
  const paths = {
    front: '/',
    status: '/status',
    login: '/login',
    invitation: new URL(invitation.trim().split('\n').at(-1) ?? '').pathname,
    call: `/call/${token}`,
  }
  for (const [name, path] of Object.entries(paths)) {
    await page.goto(place.url + path)
    await photograph(page, name)
  }
  await stop(child)
}

if (browserProgram === undefined) throw new Error('Install the package chromium')
await mkdir(pictures, { recursive: true })
await using browser = await launchChromium()
await firstStart(browser)
await visits(browser)
