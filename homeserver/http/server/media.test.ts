import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:https'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Federation, startTwo } from '../../../test/support/federation.ts'
import type { Client } from '../../../test/support/client.ts'

const describeTls = hasOpenssl ? describe : describe.skip
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

async function upload(client: Client, bytes: Buffer, type: string, name = ''): Promise<string> {
  const path = `/_matrix/media/v3/upload${name === '' ? '' : `?filename=${encodeURIComponent(name)}`}`
  const { body } = await client.request('POST', path, bytes, { 'Content-Type': type })
  return (body['content_uri'] as string).slice('mxc://'.length)
}

async function download(client: Client, mxc: string, query = ''): Promise<Response> {
  return await fetch(
    `${client.url}/_matrix/client/v1/media/${query === '' ? 'download' : 'thumbnail'}/${mxc}${query}`,
    {
      headers: { Authorization: `Bearer ${client.token}` },
    },
  )
}

const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer())

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test('users get files and thumbnails of another server, and of its copy when that is down', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const alice = await hs1.server.register('alice')
      const bob = await hs2.server.register('bob')
      const bytes = randomBytes(300_000)
      const file = await upload(alice, bytes, 'Application/X-Thing; a="b"', 'Größe; "1".bin')
      const picture = await upload(alice, png, 'image/png')
      const empty = await upload(alice, Buffer.alloc(0), 'text/html')

      const [one, two] = await Promise.all([download(bob, file), download(bob, file)])
      expect(one.headers.get('content-type')).toBe('application/x-thing')
      expect(one.headers.get('content-disposition')).toBe(
        "attachment; filename*=UTF-8''Gr%C3%B6%C3%9Fe%3B%20%221%22.bin",
      )
      expect((await bytesOf(one)).equals(bytes)).toBe(true)
      expect((await bytesOf(two)).equals(bytes)).toBe(true)
      expect((await bytesOf(await download(bob, empty))).length).toBe(0)
      const small = await download(bob, picture, '?width=32&height=32')
      expect([small.status, small.headers.get('content-type')]).toEqual([200, 'image/png'])
      expect((await download(bob, 'hs1.test/unknown')).status).toBe(404)

      await hs1.server.server.stop()
      expect((await bytesOf(await download(bob, file))).equals(bytes)).toBe(true)
      expect((await download(bob, 'hs1.test/other')).status).toBe(502)
    })
  })

  test('T45: a file of another server that is larger than ours may be is not taken', async () => {
    await using federation = await Federation.make('hs1.test', 'hs2.test')
    const hs1 = await federation.start('hs1.test')
    const hs2 = await federation.start('hs2.test', { config: 'media: { max_upload: 100KiB }' })
    const alice = await hs1.server.register('alice')
    const bob = await hs2.server.register('bob')
    const fits = await upload(alice, randomBytes(100 * 1024), 'text/plain')
    const over = await upload(alice, randomBytes(100 * 1024 + 1), 'text/plain')
    const far = await upload(alice, randomBytes(1024 * 1024), 'text/plain')
    expect((await download(bob, fits)).status).toBe(200)
    for (const mxc of [over, far]) {
      const answer = await download(bob, mxc)
      expect([answer.status, await answer.json()]).toMatchObject([502, { errcode: 'M_TOO_LARGE' }])
    }
  })

  describe('of a server that is not one of ours', () => {
    const missing = { status: 404, errcode: 'M_UNRECOGNIZED' }

    test.each<[string, Record<string, Answer>, unknown]>([
      ['an old path', { federation: missing, media: { body: 'old', type: 'text/plain' } }, [200, 'old']],
      ['a file that is not there', { federation: { status: 404, errcode: 'M_NOT_FOUND' } }, [404, 'M_NOT_FOUND']],
      [
        'a file not there by the old path',
        { federation: missing, media: { status: 404, errcode: 'M_NOT_FOUND' } },
        [404, 'M_NOT_FOUND'],
      ],
      [
        'T53: a demand to log in again',
        { federation: { status: 401, errcode: 'M_UNKNOWN_TOKEN' } },
        [502, 'M_UNKNOWN'],
      ],
      [
        'a file that is still to come',
        { federation: { status: 504, errcode: 'M_NOT_YET_UPLOADED' } },
        [504, 'M_NOT_YET_UPLOADED'],
      ],
      ['no parts', { federation: { body: 'plain', type: 'text/plain' } }, [502, 'M_UNKNOWN']],
      [
        'a single part',
        { federation: { body: '--b\r\n\r\n{}\r\n--b--\r\n', type: 'multipart/mixed; boundary=b' } },
        [502, 'M_UNKNOWN'],
      ],
      [
        'a part cut off',
        { federation: { body: '--b\r\n\r\n{}\r\n--b\r\n\r\nhalf', type: 'multipart/mixed; boundary=b' } },
        [502, 'M_UNKNOWN'],
      ],
      [
        'parts with lines that look like borders',
        {
          federation: {
            body: '--b\r\n\r\n{}\r\n--b\r\nContent-Type: text/plain\r\n\r\n\r\n-\r\n--a\r\n\r\n--b--',
            type: 'multipart/mixed; boundary="b"',
          },
        },
        [200, '\r\n-\r\n--a\r\n'],
      ],
      [
        'T43: a redirect to a private address',
        {
          federation: {
            body: '--b\r\n\r\n{}\r\n--b\r\nLocation: https://10.0.0.1/x\r\n\r\n\r\n--b--',
            type: 'multipart/mixed; boundary=b',
          },
        },
        [502, 'M_UNKNOWN'],
      ],
      [
        'T43: a redirect without TLS',
        {
          federation: {
            body: '--b\r\n\r\n{}\r\n--b\r\nLocation: http://127.0.0.1/x\r\n\r\n\r\n--b--',
            type: 'multipart/mixed; boundary=b',
          },
        },
        [502, 'M_UNKNOWN'],
      ],
      [
        'a redirect',
        {
          federation: {
            body: '--b\r\n\r\n{}\r\n--b\r\nLocation: https://localhost:PORT/cdn\r\n\r\n\r\n--b--',
            type: 'multipart/mixed; boundary=b',
          },
          cdn: { body: 'far', type: 'text/plain' },
        },
        [200, 'far'],
      ],
    ])('%s', async (_name, answers, expected) => {
      await using federation = await Federation.make('hs2.test', 'peer.test')
      const peer = await startPeer(federation, answers)
      await using resources = new AsyncDisposableStack()
      resources.defer(() => {
        peer.closeAllConnections()
        peer.close()
      })
      const hs2 = await federation.start('hs2.test')
      const bob = await hs2.server.register('bob')
      const answer = await download(bob, 'peer.test/file')
      const text = await answer.text()
      expect([answer.status, answer.status === 200 ? text : JSON.parse(text).errcode]).toEqual(expected)
    })
  })
})

interface Answer {
  readonly status?: number
  readonly errcode?: string
  readonly body?: string
  readonly type?: string
}

/** Answers by the first part of the path that is one of the keys. */
async function startPeer(federation: Federation, answers: Record<string, Answer>): Promise<Server> {
  const [key, cert] = await Promise.all([readFile(federation.tls.key), readFile(federation.tls.cert)])
  const peer = createServer({ key, cert, keepAlive: false }, ({ url = '' }, response) => {
    const name = Object.keys(answers).find((part) => url.startsWith(`/_matrix/${part}/`) || url === `/${part}`)
    const { status = 200, errcode, body, type } = answers[name ?? ''] ?? { status: 500 }
    response.writeHead(status, { 'Content-Type': type ?? 'application/json', Connection: 'close' })
    const { port } = peer.address() as AddressInfo
    response.end(body?.replace('PORT', String(port)) ?? JSON.stringify({ errcode, error: 'No' }))
  })
  await new Promise<void>((resolve) => void peer.listen(0, '127.0.0.1', resolve))
  federation.dns.serve('peer.test', (peer.address() as AddressInfo).port)
  return peer
}
