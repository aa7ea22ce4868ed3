import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from '@jest/globals'
import { elementFiles } from '../../test/support/element-build.ts'
import { startServer, type TestServer } from '../../test/support/server.ts'

async function withElement(): Promise<TestServer> {
  const server = await startServer({ config: 'web: { brand: Home }' })
  for (const [name, content] of Object.entries(elementFiles)) {
    const path = join(server.dataDir, 'element', name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
  }
  await writeFile(join(server.dataDir, 'secret'), 'secret')
  return server
}

test('Element Web is served with its types, and kept by browsers only where its names change with it', async () => {
  await using server = await withElement()
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(server.url + path, { headers, redirect: 'manual' })
  const entered = await get('/element')
  expect([entered.status, entered.headers.get('location')]).toEqual([308, '/element/'])

  const index = await get('/element/')
  expect(await index.text()).toBe(elementFiles['index.html'])
  expect(Object.fromEntries(index.headers)).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
    'content-security-policy': expect.stringContaining("frame-ancestors 'self'"),
    'content-length': String(elementFiles['index.html']?.length),
  })
  const known = await get('/element/', { 'if-none-match': index.headers.get('etag') ?? '' })
  expect([known.status, await known.text()]).toEqual([304, ''])

  const bundle = await get('/element/bundles/0123456789abcdef/bundle.js')
  expect(await bundle.text()).toBe(elementFiles['bundles/0123456789abcdef/bundle.js'])
  expect(bundle.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
  expect(bundle.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
  expect((await get('/element/olm.wasm')).headers.get('content-type')).toBe('application/wasm')
  expect((await get('/element/usercontent/')).status).toBe(200)
  const head = await fetch(`${server.url}/element/olm.wasm`, { method: 'HEAD' })
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '4'])
})

test('the front page leads to it, where it is', async () => {
  await using server = await withElement()
  await using without = await startServer()
  const front = async ({ url }: TestServer) => (await fetch(`${url}/`)).text()
  expect(await front(server)).toContain('href="/element/"')
  expect(await front(without)).not.toContain('/element/')
})

test('its settings are those of this server, whatever the archive had', async () => {
  await using server = await withElement()
  const answer = await fetch(`${server.url}/element/config.json`)
  expect(await answer.json()).toMatchObject({ brand: 'Home', default_server_config: { 'm.homeserver': {} } })
  expect(answer.headers.get('cache-control')).toBe('no-cache')
})

test('nothing but its files is given out, and without it the way to it is told', async () => {
  await using server = await withElement()
  for (const path of ['.hidden', '..%2fsecret', '%2e%2e/secret', 'i18n', 'i18n/', 'a//b', 'nothing.js', '%00', 'x%']) {
    const answer = await fetch(`${server.url}/element/${path}`)
    expect(`${path} ${Math.trunc(answer.status / 100)}`).toBe(`${path} 4`)
    expect(await answer.text()).not.toBe('secret')
  }
  await using without = await startServer()
  const answer = await fetch(`${without.url}/element/`)
  expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('npm run element:fetch')])
})
