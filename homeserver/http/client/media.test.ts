import { type IncomingMessage, request as httpRequest } from 'node:http'
import { expect, test } from '@jest/globals'
import sharp from 'sharp'
import { notFound } from '../../core/errors.ts'
import type { MediaContent, Mxc } from '../../domain/media/media.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { download, filesIn, media as v1, upload } from '../../../test/support/media-files.ts'
import { startMediaServer } from '../../../test/support/media-server.ts'
import { startServer } from '../../../test/support/server.ts'
import { until } from '../../../test/support/until.ts'

const v3 = '/_matrix/media/v3'

async function create(client: Client): Promise<string> {
  return String((await client.post('/_matrix/media/v1/create'))['content_uri']).replace(/^mxc:\/\//, '')
}

forEachDatabase(({ dialect, freshUrl }) => {
  test('a registered user of a whole server uploads, sees a thumbnail and downloads', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const image = await sharp({ create: { width: 200, height: 100, channels: 3, background: 'red' } })
      .png()
      .toBuffer()
    const mxc = await upload(alice, image, 'image/png')
    expect((await download(alice, `${v1}/download/${mxc}`)).bytes.equals(image)).toBe(true)
    const { bytes } = await download(alice, `${v1}/thumbnail/${mxc}?width=32&height=32&method=crop`)
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 32, height: 32, format: 'png' })
  })

  test('what one user uploads another downloads, with its type and name', async () => {
    await using server = await startMediaServer(await freshUrl())
    const mxc = await upload(server.client('alice'), Buffer.from([0, 255, 10]), 'img/png', '?filename=a%20%22b%22.png')
    expect(mxc).toMatch(/^hs\.test\/[\w-]+$/)
    const { status, headers, bytes } = await download(server.client('bob'), `${v1}/download/${mxc}`)
    expect({ status, bytes: [...bytes] }).toEqual({ status: 200, bytes: [0, 255, 10] })
    expect(headers.get('content-type')).toBe('img/png')
    expect(headers.get('content-length')).toBe('3')
    expect(headers.get('content-disposition')).toBe('attachment; filename="a \\"b\\".png"')
    expect(headers.get('cross-origin-resource-policy')).toBe('cross-origin')
    expect(headers.get('cache-control')).toContain('immutable')
  })

  test('an empty file without type or name is a file', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const { status, headers, bytes } = await download(alice, `${v1}/download/${await upload(alice, '')}`)
    expect({ status, size: bytes.length }).toEqual({ status: 200, size: 0 })
    expect(headers.get('content-disposition')).toMatch(/^(inline|attachment)$/)
  })

  test('the name in the path wins over the name of the upload', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const mxc = await upload(alice, 'x', 'image/png', '?filename=%F0%9F%90%94')
    const name = async (path: string) => (await download(alice, path)).headers.get('content-disposition')
    expect(await name(`${v1}/download/${mxc}`)).toBe("inline; filename*=UTF-8''%F0%9F%90%94")
    expect(await name(`${v1}/download/${mxc}/%E2%98%95`)).toBe("inline; filename*=UTF-8''%E2%98%95")
    expect(await name(`${v1}/download/${mxc}/name;with;semicolons`)).toBe('inline; filename="name;with;semicolons"')
    expect(await name(`${v1}/download/${mxc}/a%2Fb%0D%0Ac%E2%80%AEd`)).toBe('inline; filename="a_bcd"')
  })

  test('a browser is served parts of a file, and nothing that it has', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const path = `${v1}/download/${await upload(alice, '0123456789', 'video/mp4')}`
    const part = async (range: string, headers = {}) => {
      const answer = await download(alice, path, { Range: range, ...headers })
      return [answer.status, answer.bytes.toString(), answer.headers.get('content-range')]
    }
    expect(await part('bytes=2-4')).toEqual([206, '234', 'bytes 2-4/10'])
    expect(await part('bytes=7-')).toEqual([206, '789', 'bytes 7-9/10'])
    expect(await part('bytes=-3')).toEqual([206, '789', 'bytes 7-9/10'])
    expect(await part('bytes=5-500')).toEqual([206, '56789', 'bytes 5-9/10'])
    expect(await part('bytes=10-')).toEqual([416, '', 'bytes */10'])
    expect(await part('bytes=4-2')).toEqual([200, '0123456789', null])
    expect(await part('bytes=0-1,4-5')).toEqual([200, '0123456789', null])
    expect(await part('bytes=0-1', { 'If-Range': '"other"' })).toEqual([200, '0123456789', null])
    const etag = (await download(alice, path)).headers.get('etag') ?? ''
    expect(await part('bytes=0-1', { 'If-Range': etag })).toEqual([206, '01', 'bytes 0-1/10'])
    expect((await download(alice, path, { 'If-None-Match': etag })).status).toBe(304)
    const head = await fetch(alice.url + path, { method: 'HEAD', headers: { Authorization: 'Bearer alice' } })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '10'])
  })

  test('an id waits for its file, and then keeps it', async () => {
    await using server = await startMediaServer(await freshUrl())
    const [alice, bob] = [server.client('alice'), server.client('bob')]
    const mxc = await create(alice)
    const early = `${v1}/download/${mxc}?timeout_ms=0`
    expect(await bob.refusal('GET', early)).toEqual({ status: 504, errcode: 'M_NOT_YET_UPLOADED' })
    expect(await bob.refusal('PUT', `${v3}/upload/${mxc}`, 'x')).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })

    const waiting = download(bob, `${v1}/download/${mxc}`)
    expect(
      (await alice.request('PUT', `${v3}/upload/${mxc}`, 'content', { 'Content-Type': 'text/plain' })).status,
    ).toBe(200)
    expect((await waiting).bytes.toString()).toBe('content')
    expect(await alice.refusal('PUT', `${v3}/upload/${mxc}`, 'other')).toEqual({
      status: 409,
      errcode: 'M_CANNOT_OVERWRITE_MEDIA',
    })
    expect(await alice.refusal('PUT', `${v3}/upload/hs.test/nobody-made-this`, 'x')).toEqual({
      status: 404,
      errcode: 'M_NOT_FOUND',
    })
  })

  test('of two uploads to one id at the same time one wins, and the other leaves nothing', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const mxc = await create(alice)
    const put = async (body: string) => (await alice.request('PUT', `${v3}/upload/${mxc}`, body)).status
    expect((await Promise.all([put('one'), put('two')])).toSorted()).toEqual([200, 409])
    expect(await filesIn(server.directory)).toHaveLength(1)
  })

  test('T80: a user may owe five files, and what is not uploaded in a day is forgotten', async () => {
    const clock = new FakeClock(Date.now())
    await using server = await startMediaServer(await freshUrl(), { clock })
    const alice = server.client('alice')
    const owed: string[] = []
    for (let n = 0; n < 5; n++) owed.push(await create(alice))
    const refusal = await alice.request('POST', '/_matrix/media/v1/create', {})
    expect([refusal.status, refusal.body['errcode']]).toEqual([429, 'M_LIMIT_EXCEEDED'])
    expect(refusal.body['retry_after_ms']).toBeGreaterThan(86_000_000)
    await create(server.client('bob'))
    await alice.request('PUT', `${v3}/upload/${owed[0]}`, 'x')
    owed.push(await create(alice))

    await clock.advance(24 * 60 * 60_000)
    expect(await alice.refusal('PUT', `${v3}/upload/${owed[1]}`, 'x')).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    expect((await download(alice, `${v1}/download/${owed[0]}`)).status).toBe(200)
    await create(alice)
  })

  test('T80: a file over the limit is refused by its length or on the way, and leaves nothing', async () => {
    await using server = await startMediaServer(await freshUrl(), { config: 'media: { max_upload: 1MiB }' })
    const alice = server.client('alice')
    expect((await alice.get(`${v1}/config`))['m.upload.size']).toBe(1_048_576)
    await upload(alice, Buffer.alloc(1_048_576))
    const tooLarge = { status: 413, errcode: 'M_TOO_LARGE' }
    expect(await alice.refusal('POST', `${v3}/upload`, Buffer.alloc(1_048_577))).toEqual(tooLarge)
    const chunked = new ReadableStream({
      pull(controller) {
        controller.enqueue(Buffer.alloc(65_536))
        if (++chunks === 40) controller.close()
      },
    })
    let chunks = 0
    const response = await fetch(`${alice.url}${v3}/upload`, {
      method: 'POST',
      headers: { Authorization: 'Bearer alice' },
      body: chunked,
      duplex: 'half',
    })
    expect(response.status).toBe(413)
    expect(await filesIn(server.directory)).toHaveLength(1)
  })

  test('T80: an upload that breaks off leaves nothing', async () => {
    await using server = await startMediaServer(await freshUrl())
    const options = { method: 'POST', headers: { Authorization: 'Bearer alice', 'Content-Length': '1000000' } }
    const request = httpRequest(`${server.url}${v3}/upload`, options)
    request.on('error', () => undefined)
    request.write(Buffer.alloc(100_000))
    await until(async () => (await filesIn(server.directory)).length === 1)
    request.destroy()
    await until(async () => (await filesIn(server.directory)).length === 0)
  })

  test('T79: files are given to users alone, on the old paths too', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const stranger = Object.assign(server.client(''), { token: '' })
    const mxc = await upload(alice, 'secret', 'text/plain')
    expect(await stranger.refusal('GET', `${v1}/download/${mxc}`)).toEqual({ status: 401, errcode: 'M_MISSING_TOKEN' })
    for (const version of ['r0', 'v1', 'v3']) {
      const path = `/_matrix/media/${version}/download/${mxc}`
      expect(await stranger.refusal('GET', path)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
      expect((await download(alice, path)).bytes.toString()).toBe('secret')
      expect((await download(alice, `${path}/name`)).headers.get('content-disposition')).toBe('inline; filename="name"')
    }
    expect(await stranger.refusal('POST', `${v3}/upload`, 'x')).toEqual({ status: 401, errcode: 'M_MISSING_TOKEN' })
  })

  test('a file of another server is asked of the federation, unless the client says not to', async () => {
    const asked: string[] = []
    const remote = {
      find: async ({ server: origin, mediaId }: Mxc): Promise<MediaContent> => {
        await Promise.resolve(asked.push(`${origin}/${mediaId}`))
        throw notFound('It has no such file')
      },
    }
    await using server = await startMediaServer(await freshUrl(), { remote })
    const alice = server.client('alice')
    const missing = { status: 404, errcode: 'M_NOT_FOUND' }
    expect(await alice.refusal('GET', `${v1}/download/other.test/id?allow_remote=false`)).toEqual(missing)
    expect(asked).toEqual([])
    await alice.refusal('GET', `${v1}/download/other.test/id`)
    expect(asked).toEqual(['other.test/id'])
    await using island = await startMediaServer(await freshUrl())
    expect(await island.client('alice').refusal('GET', `${v1}/download/other.test/id`)).toEqual(missing)
  })

  test('T77: no media id or server name leads out of the store, and none is a fault of ours', async () => {
    await using server = await startMediaServer(await freshUrl())
    const odd = [
      '..',
      '%2e%2e',
      '..%2f..%2f..%2fetc%2fpasswd',
      '%2e%2e%5cboot.ini',
      'a%00b',
      'a%5cb',
      'CON',
      '%FF',
      '%',
    ]
    const ids = [...odd, 'a%3ab', '%F0%9F%90%94', 'a'.repeat(300), 'a'.repeat(10_240)]
    for (const mxc of ids.flatMap((id) => [`hs.test/${id}`, `${id}/x`])) {
      for (const [method, path] of [
        ['GET', `${v1}/download/${mxc}`],
        ['GET', `${v1}/thumbnail/${mxc}?width=10&height=10`],
        ['GET', `${v3}/download/${mxc}/name`],
        ['PUT', `${v3}/upload/${mxc}`],
      ] as const) {
        const { status, errcode } = await rawRequest(server.url, method, path)
        expect({ method, path, verdict: status >= 400 && status < 500 && /^M_[A-Z_]+$/.test(errcode) }).toEqual({
          method,
          path,
          verdict: true,
        })
      }
    }
  })
})

/** `fetch` would tidy the path. */
async function rawRequest(url: string, method: string, path: string): Promise<{ status: number; errcode: string }> {
  const { hostname, port } = new URL(url)
  const options = { hostname, port, method, path, headers: { Authorization: 'Bearer alice' }, agent: false }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpRequest(options, resolve).on('error', reject).end()
  })
  const body = Buffer.concat((await response.toArray()) as Buffer[]).toString()
  return { status: response.statusCode ?? 0, errcode: (JSON.parse(body) as { errcode: string }).errcode }
}
