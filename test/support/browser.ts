/** A real browser, Debian's Chromium, also for scripts that are no tests. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

/** Where it is; undefined where it is missing. */
export const browserProgram = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
)

export async function launchChromium(args: readonly string[] = []): Promise<Browser> {
  return await chromium.launch({ executablePath: browserProgram ?? '', args: [...args, '--no-sandbox'] })
}
