import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import sharp from 'sharp'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

interface Site extends AsyncDisposable {
  readonly url: string
  /** The paths that were asked for. */
  readonly asked: string[]
}

type Page = (response: ServerResponse, request: IncomingMessage) => void

async function serve(pages: Record<string, Page>): Promise<Site> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const page = pages[request.url ?? '']
    if (page) page(response, request)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const html =
  (text: string): Page =>
  (response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end(text)

const picture = await sharp({ create: { width: 40, height: 20, channels: 3, background: 'orange' } })
  .png()
  .toBuffer()
const png: Page = (response) => response.writeHead(200, { 'content-type': 'image/png' }).end(picture)
const redirect =
  (location: string): Page =>
  (response) =>
    response.writeHead(302, { location }).end()

const film = '<meta property="og:title" content="The Rock"><meta property="og:image" content="test.png">'

const path = (url: string): string => `/_matrix/client/v1/media/preview_url?url=${encodeURIComponent(url)}`

async function preview(client: Client, url: string): ReturnType<Client['get']> {
  return await client.get(path(url))
}

forEachDatabase(({ dialect }) => {
  const start = (config = '', clock = new FakeClock()): Promise<TestServer> =>
    startServer({ database: dialect, config: ['outgoing: { allow_ranges: [127.0.0.0/8] }', config], parts: { clock } })

  test('a link is shown with title and picture, and looked up once a day', async () => {
    await using site = await serve({ '/film': html(film), '/test.png': png })
    const clock = new FakeClock()
    await using server = await start('', clock)
    const alice = await server.register('alice')
    const [first] = await Promise.all([preview(alice, `${site.url}/film`), preview(alice, `${site.url}/film#later`)])
    expect(first).toEqual({
      'og:title': 'The Rock',
      'og:image': expect.stringMatching(/^mxc:\/\/hs\.test\//),
      'og:image:type': 'image/png',
      'og:image:width': 40,
      'og:image:height': 20,
      'matrix:image:size': picture.length,
    })
    expect(await preview(alice, `${site.url}/film`)).toEqual(first)
    expect(site.asked).toEqual(['/film', '/test.png'])
    const image = `/_matrix/client/v1/media/download/${String(first['og:image']).slice('mxc://'.length)}`
    const asIs = await fetch(server.url + image, { headers: { authorization: `Bearer ${alice.token}` } })
    expect(Buffer.from(await asIs.arrayBuffer()).equals(picture)).toBe(true)

    await clock.advance(24 * 3_600_000 + 1)
    await preview(alice, `${site.url}/film`)
    expect(site.asked).toEqual(['/film', '/test.png', '/film', '/test.png'])
    await clock.advance(15 * 24 * 3_600_000)
    expect(await alice.refusal('GET', image)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
  }, 60_000)

  test('what is no page, or says nothing, has an empty preview', async () => {
    await using site = await serve({ '/text': (response) => response.writeHead(200).end('text'), '/empty': html('') })
    await using server = await start()
    const alice = await server.register('alice')
    expect(await preview(alice, `${site.url}/text`)).toEqual({})
    expect(await preview(alice, `${site.url}/empty`)).toEqual({})
  })

  test('a page without its picture or its oEmbed description is shown all the same', async () => {
    const page = `<title>Page</title><meta property="og:image" content="/gone.png">
      <link type="application/json+oembed" href="/nonsense">`
    await using site = await serve({ '/': html(page), '/nonsense': html('{') })
    await using server = await start()
    expect(await preview(await server.register('alice'), `${site.url}/`)).toEqual({ 'og:title': 'Page' })
  })

  test('T81: an endless page is read to its bound, one that is denied or moved inside is not', async () => {
    const endless: Page = (response) => {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.write('<title>Endless</title>')
      const more = (): void => {
        if (!response.destroyed && response.write('<div>'.repeat(10_000))) setImmediate(more)
      }
      response.on('drain', more)
      more()
    }
    await using site = await serve({
      '/endless': endless,
      '/inside': redirect('http://169.254.169.254/latest'),
      '/denied': redirect('http://localhost:1/'),
      '/picture': html('<title>P</title><meta property="og:image" content="http://169.254.169.254/a.png">'),
    })
    await using server = await start('media: { previews_deny: [localhost, "*.denied.example"] }')
    const alice = await server.register('alice')
    expect(await preview(alice, `${site.url}/endless`)).toEqual({ 'og:title': 'Endless' })
    expect(await preview(alice, `${site.url}/picture`)).toEqual({ 'og:title': 'P' })
    for (const url of [`${site.url}/inside`, 'http://169.254.169.254/', 'http://www.denied.example/']) {
      expect(await alice.refusal('GET', path(url))).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    }
    expect((await alice.request('GET', path(`${site.url}/denied`))).status).toBeGreaterThanOrEqual(400)
  })

  test.each([
    ['no address', 400],
    ['ftp://example.org/', 400],
    ['https://user:password@example.org/', 400],
    [`https://example.org/${'x'.repeat(2048)}`, 400],
    ['http://127.0.0.1:1/', 502],
  ])('%s has no preview', async (url, status) => {
    await using server = await start()
    const alice = await server.register('alice')
    expect((await alice.request('GET', path(url))).status).toBe(status)
  })

  test('previews can be switched off', async () => {
    await using server = await start('media: { previews: off }')
    const alice = await server.register('alice')
    expect(await alice.refusal('GET', path('https://example.org/'))).toEqual({ status: 404, errcode: 'M_UNRECOGNIZED' })
    const { capabilities } = await alice.get('/capabilities')
    expect(capabilities['io.element.msc4452.preview_url']).toEqual({ enabled: false })
  })
})
