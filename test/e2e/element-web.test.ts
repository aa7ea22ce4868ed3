/** Element Web in a real browser: a stand-in for its files, and itself where ELEMENT_WEB_DIR names a release. */
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { BrowsedServer, chromiumMissing } from '../support/chromium.ts'
import { elementFiles } from '../support/element-build.ts'

const release = process.env['ELEMENT_WEB_DIR']

const group = chromiumMissing ? describe.skip : describe
group(chromiumMissing ? `in a browser (${chromiumMissing})` : 'in a browser', () => {
  test('its own scripts run under the policy it is served with, and no others', async () => {
    await using browsed = await BrowsedServer.start()
    const inline = '<script>document.documentElement.lang = "xx"</script>'
    const files = { ...elementFiles, 'index.html': `${elementFiles['index.html']}${inline}` }
    for (const [name, content] of Object.entries(files)) {
      const path = join(browsed.server.dataDir, 'element', name)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, content)
    }
    await using context = await browsed.open()
    const page = await context.newPage()
    await page.goto('/element')
    await page.waitForFunction(`document.title === 'Element runs'`)
    expect(await page.evaluate('document.documentElement.lang')).toBe('')
    expect(new URL(page.url()).pathname).toBe('/element/')
    const config = await page.evaluate(async () => (await fetch('config.json')).json())
    expect(config).toMatchObject({ default_server_config: { 'm.homeserver': { server_name: 'hs.test' } } })
  })
})

// Declared where it is asked for: no package brings a release, so nothing is missing without one.
if (release !== undefined && !chromiumMissing) {
  test('Element Web itself shows the log-in of this server in the warm theme, and asks no other host', async () => {
    await using browsed = await BrowsedServer.start('public_url: https://hs.test')
    await symlink(release, join(browsed.server.dataDir, 'element'))
    await using context = await browsed.open()
    const page = await context.newPage()
    const hosts = new Set<string>()
    page.on('request', (request) => {
      const { protocol, host } = new URL(request.url())
      if (protocol.startsWith('http')) hosts.add(host)
    })
    await page.goto('/element/#/login')
    await page.getByLabel('Username').waitFor()
    expect(await page.title()).toContain('Domovoi')
    const accent = await page.evaluate(`getComputedStyle(document.body).getPropertyValue('--accent-color').trim()`)
    expect(accent).toBe('#b05730')
    expect([...hosts]).toEqual(['hs.test'])
  })
}
