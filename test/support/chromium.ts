/** A real browser, Debian's Chromium, led to a server of ours by its name and over TLS. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AxeResults } from 'axe-core'
import { expect } from '@jest/globals'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { browserProgram, launchChromium } from './browser.ts'
import { hasOpenssl, makeCertificate } from './certificates.ts'
import { startServer, type TestServer, type TestServerOptions } from './server.ts'

/** Why there is no browser for this run, or undefined if there is. */
export const chromiumMissing =
  browserProgram === undefined ? 'install the package chromium' : hasOpenssl ? undefined : 'install the package openssl'

export interface BrowsedOptions {
  /** More of Chromium's. */
  readonly flags?: readonly string[]
  readonly parts?: TestServerOptions['parts']
}

/** A server at https://hs.test, as a browser sees it that is started with it; all other names lead to it as well. */
export class BrowsedServer implements AsyncDisposable {
  readonly server: TestServer
  readonly #browser: Browser
  readonly #folder: string

  private constructor(server: TestServer, browser: Browser, folder: string) {
    this.server = server
    this.#browser = browser
    this.#folder = folder
  }

  static async start(config = '', { flags = [], parts = {} }: BrowsedOptions = {}): Promise<BrowsedServer> {
    const folder = await mkdtemp(join(tmpdir(), 'domovoi-browser-'))
    const { key, cert } = makeCertificate('hs.test')
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    await Promise.all([writeFile(keyFile, key), writeFile(certFile, cert)])
    const tls = `tls: { mode: files, port: 0, key: ${keyFile}, cert: ${certFile} }`
    const server = await startServer({ config: [tls, config], parts })
    const place = `127.0.0.1:${server.server.tlsPort ?? 0}`
    // pages of other sites may ask it, as they may on the internet
    const names = [`--host-resolver-rules=MAP * ${place}`, `--ip-address-space-overrides=${place}=public`]
    const browser = await launchChromium([...flags, ...names])
    return new BrowsedServer(server, browser, folder)
  }

  /** A browser of its own, with its own cookies. */
  async open(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    return await this.#browser.newContext({ baseURL: 'https://hs.test', ignoreHTTPSErrors: true, ...options })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close()
    await this.server[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true })
  }
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds wrong for people who see, hear or move otherwise, a line each. */
async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults>('axe.run()')
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  )
}

/** A phone and a desk, in light and dark. */
export const screens = [
  { name: 'phone', viewport: { width: 360, height: 740 } },
  { name: 'desk', viewport: { width: 1280, height: 800 } },
].flatMap((screen) => (['light', 'dark'] as const).map((colorScheme) => ({ ...screen, colorScheme })))

/** Expects a page without faults that is no wider than its screen. SCREENSHOTS=DIR keeps a picture `<title>-<screen>.png`. */
export async function expectWhole(page: Page, title: string, screen: string): Promise<void> {
  const { SCREENSHOTS: directory } = process.env
  if (directory !== undefined) {
    await page.screenshot({ path: join(directory, `${title}-${screen}.png`), fullPage: true })
  }
  expect({ title, faults: await accessibilityFaults(page) }).toEqual({ title, faults: [] })
  const width = await page.evaluate('document.documentElement.scrollWidth')
  expect({ title, width }).toEqual({ title, width: page.viewportSize()?.width })
}
