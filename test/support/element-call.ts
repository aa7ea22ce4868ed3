/**
 * Element Call itself, the build that Element ships: a widget in a page that plays its host. What the widget asks of the host
 * is done by matrix-js-sdk with its real crypto, in the process of the test.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Room } from 'matrix-js-sdk'
import type { BrowserContext, Frame, Page } from 'playwright-core'
import type { Element } from '../e2e/element.ts'
import { hearsMore, keepConnections } from './call-sound.ts'
import type { BrowsedServer } from './chromium.ts'
import { answering, driverOf, feed } from './widget-driver.ts'

const require = createRequire(import.meta.url)
const build = join(dirname(require.resolve('@element-hq/element-call-embedded/package.json')), 'dist')
const widgetApi = require.resolve('matrix-widget-api/dist/api.min.js')

/** Two of it in one browser keep a small machine busy. */
const PATIENCE_MS = 120_000

/** How people are written into the room as members of its call: by state, as most do now, or by sticky events. */
export type CallMode = 'compatibility' | 'matrix_2_0'

export class ElementCall implements AsyncDisposable {
  readonly #context: BrowserContext
  readonly #page: Page

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context
    this.#page = page
  }

  /** In a browser of the user's own, before the call. */
  static async open(browsed: BrowsedServer, person: Element, roomId: string, mode: CallMode): Promise<ElementCall> {
    const { client, userId } = person
    const room = client.getRoom(roomId)
    if (!room) throw new Error(`${userId} does not know ${roomId}`)
    const driver = driverOf(client, room)
    const body = hostPage({ url: addressOf(person, room), roomId, userId, methods: Object.keys(driver) })
    const context = await browsed.open({ locale: 'en' })
    await keepConnections(context)
    await context.route('https://app.test/', (route) => route.fulfill({ contentType: 'text/html', body }))
    await context.route('https://app.test/api.js', (route) => route.fulfill({ path: widgetApi }))
    await context.route('https://call.app.test/**', async (route) => {
      const { pathname } = new URL(route.request().url())
      if (pathname === '/config.json') await route.fulfill({ json: { matrix_rtc_mode: mode } })
      else await route.fulfill({ path: join(build, pathname) })
    })
    context.setDefaultTimeout(PATIENCE_MS)
    const page = await context.newPage()
    await page.exposeFunction('ask', answering(driver))
    await page.goto('https://app.test/')
    await page.evaluate('ready')
    feed(page, client, room)
    return new ElementCall(context, page)
  }

  /** Resolves when the call is there. */
  async join(): Promise<void> {
    await this.#button('lobby_joinCall').click()
    await this.#button('incall_leave').waitFor()
  }

  async hangUp(): Promise<void> {
    await this.#button('incall_leave').click()
  }

  /** Resolves when somebody of that name is shown in the call. */
  async shows(name: string): Promise<void> {
    await this.#page.frameLocator('iframe').getByText(name).first().waitFor()
  }

  /** Resolves when somebody's sound comes in, and can be decrypted. */
  async hears(): Promise<void> {
    await hearsMore(this.#frame())
  }

  /** As if the browser crashed: nobody hangs up. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close()
  }

  #button(testId: string) {
    return this.#page.frameLocator('iframe').getByTestId(testId)
  }

  #frame(): Frame {
    const frame = this.#page.frames().find((one) => one.url().startsWith('https://call.app.test/'))
    if (!frame) throw new Error('Element Call is not there')
    return frame
  }
}

function addressOf({ client, userId }: Element, room: Room): string {
  const parameters = {
    widgetId: 'call',
    parentUrl: 'https://app.test',
    baseUrl: 'https://hs.test',
    userId,
    deviceId: client.getDeviceId() ?? '',
    roomId: room.roomId,
    intent: 'start_call_voice',
    perParticipantE2EE: String(room.hasEncryptionStateEvent()),
    lang: 'en',
  }
  return `https://call.app.test/index.html#?${new URLSearchParams(parameters).toString()}`
}

/** Lets the widget do whatever it wants to, and passes that on to `ask`. */
function hostPage(given: { url: string; roomId: string; userId: string; methods: readonly string[] }): string {
  return `<!doctype html><meta charset="utf-8">
<style>html, body, iframe { margin: 0; border: 0; width: 100%; height: 100% }</style>
<iframe allow="camera; microphone; autoplay; display-capture"></iframe>
<script src="/api.js"></script>
<script>
const { url, roomId, userId, methods } = ${JSON.stringify(given)}
const { ClientWidgetApi, Widget, WidgetDriver } = mxwidgets()
async function request(name, ...given) {
  const { value, error } = await ask(name, given)
  if (error) throw Object.assign(new Error(error.message), { matrix: error.matrix })
  return value
}
class Driver extends WidgetDriver {
  async validateCapabilities(wanted) { return wanted }
  async askOpenID(observer) { observer.update({ state: 'allowed', token: await request('openIdToken') }) }
  getKnownRooms() { return [roomId] }
  processError({ matrix }) { return matrix && { matrix_api_error: matrix } }
}
for (const name of methods) Driver.prototype[name] = (...given) => request(name, ...given)
const frame = document.querySelector('iframe')
const widget = new Widget({ id: 'call', creatorUserId: userId, type: 'm.custom', url, waitForIframeLoad: false, data: {} })
const api = window.api = new ClientWidgetApi(widget, frame, new Driver())
api.setViewedRoomId(roomId)
for (const action of ['im.vector.hangup', 'io.element.close', 'io.element.device_mute', 'set_always_on_screen']) {
  api.on('action:' + action, (event) => { event.preventDefault(); api.transport.reply(event.detail, {}) })
}
window.ready = new Promise((resolve) => api.once('ready', () => resolve()))
frame.src = url
</script>`
}
