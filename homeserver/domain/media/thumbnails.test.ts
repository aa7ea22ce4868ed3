import { expect, test } from '@jest/globals'
import sharp from 'sharp'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { download, filesIn, media, upload } from '../../../test/support/media-files.ts'
import { startMediaServer } from '../../../test/support/media-server.ts'
import { until } from '../../../test/support/until.ts'

interface Shape {
  readonly status: number
  readonly type?: string | null
  readonly width?: number
  readonly height?: number
  readonly frames?: number
}

async function thumbnail(client: Client, mxc: string, query: string): Promise<Shape> {
  const { status, headers, bytes } = await download(client, `${media}/thumbnail/${mxc}?${query}`)
  if (status !== 200) return { status }
  const { autoOrient, pages = 1 } = await sharp(bytes).metadata()
  const type = headers.get('content-type')
  expect(headers.get('content-disposition')).toBe(`inline; filename="thumbnail.${type?.slice('image/'.length)}"`)
  return { status, type, width: autoOrient.width, height: autoOrient.height, frames: pages }
}

const blank = (width: number, height: number, alpha = 1) =>
  sharp({ create: { width, height, channels: alpha === 1 ? 3 : 4, background: { r: 200, g: 30, b: 30, alpha } } })

const largest = 'width=800&height=600&method=scale'

async function movingGif(width: number, height: number, frames: number): Promise<Buffer> {
  const pictures = await Promise.all(
    Array.from({ length: frames }, (_, n) =>
      sharp({ create: { width, height, channels: 3, background: { r: n * 50, g: 0, b: 255 - n * 50 } } })
        .png()
        .toBuffer(),
    ),
  )
  return await sharp(pictures, { join: { animated: true } })
    .gif()
    .toBuffer()
}

forEachDatabase(({ freshUrl }) => {
  test('scale keeps the shape, crop takes the shape asked for, and both come in few sizes', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const mxc = await upload(alice, await blank(2000, 1000).png().toBuffer(), 'image/png')
    const of = async (query: string) => {
      const { type, width, height } = await thumbnail(alice, mxc, query)
      return [type, width, height]
    }
    expect(await of('width=640&height=480&method=scale')).toEqual(['image/jpeg', 640, 320])
    expect(await of('width=700&height=500')).toEqual(['image/jpeg', 800, 400])
    expect(await of('width=96&height=96&method=crop')).toEqual(['image/png', 96, 96])
    expect(await of('width=60&height=60&method=crop')).toEqual(['image/png', 96, 96])
    expect(await of('width=300&height=200&method=crop')).toEqual(['image/jpeg', 320, 240])
    expect(await of('width=0&height=0')).toEqual(['image/png', 96, 48])
    expect(await of('width=3000&height=10')).toEqual(['image/png', 2000, 1000])
    const before = await filesIn(server.directory)
    for (let width = 650; width < 800; width += 7) await of(`width=${width}&height=480`)
    expect(await filesIn(server.directory)).toHaveLength(before.length)
  })

  test('a small image is given as it is, never enlarged', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const image = await blank(50, 40).png().toBuffer()
    const mxc = await upload(alice, image, 'application/octet-stream')
    for (const query of ['width=640&height=480', 'width=64&height=64&method=crop', largest]) {
      const { bytes, headers } = await download(alice, `${media}/thumbnail/${mxc}?${query}`)
      expect(bytes.equals(image)).toBe(true)
      expect(headers.get('content-type')).toBe('image/png')
    }
    const narrow = await upload(alice, await blank(1000, 20).jpeg().toBuffer())
    expect(await thumbnail(alice, narrow, 'width=96&height=96&method=crop')).toMatchObject({ width: 20, height: 20 })
    expect(await filesIn(server.directory)).toHaveLength(3)
  })

  test('turned photographs are upright, and transparent images stay transparent', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const photo = await upload(alice, await blank(1000, 500).withMetadata({ orientation: 6 }).jpeg().toBuffer())
    expect(await thumbnail(alice, photo, 'width=320&height=240')).toMatchObject({ width: 120, height: 240 })
    const logo = await upload(alice, await blank(1000, 500, 0.5).webp().toBuffer())
    expect(await thumbnail(alice, logo, 'width=320&height=240')).toMatchObject({ type: 'image/png', width: 320 })
  })

  test('an animation moves in thumbnails for those who want it to', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const mxc = await upload(alice, await movingGif(200, 200, 5), 'image/gif')
    const small = 'width=96&height=96&method=crop'
    const still = { type: 'image/png', width: 96, height: 96, frames: 1 }
    expect(await thumbnail(alice, mxc, small)).toMatchObject(still)
    expect(await thumbnail(alice, mxc, `${small}&animated=false`)).toMatchObject(still)
    const moving = await thumbnail(alice, mxc, `${small}&animated=true`)
    expect(moving).toMatchObject({ type: 'image/webp', width: 96, frames: 5 })
    expect(await thumbnail(alice, mxc, largest)).toMatchObject({ width: 200, frames: 1 })
    expect(await thumbnail(alice, mxc, `${largest}&animated=true`)).toMatchObject({ type: 'image/gif', frames: 5 })
  })

  test('many who ask for one thumbnail at the same time have it made once', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const mxc = await upload(alice, await blank(1200, 1200).png().toBuffer())
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => thumbnail(alice, mxc, 'width=96&height=96&method=crop')),
    )
    expect(answers.every(({ width }) => width === 96)).toBe(true)
    expect(server.metrics.text()).toContain('domovoi_thumbnail_seconds_count 1')
    await until(async () => (await filesIn(server.directory)).length === 2)
  })

  test('what a query may not say is refused', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const mxc = await upload(alice, await blank(100, 100).png().toBuffer())
    for (const query of ['', 'width=1', 'width=-1&height=1', 'width=1.5&height=1', 'width=1&height=1&method=stretch']) {
      expect((await thumbnail(alice, mxc, query)).status).toBe(400)
    }
  })

  test('T78: decoders are kept from bombs and from formats that nobody needs', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const refusal = async (file: Buffer, type = 'image/png') =>
      await alice.refusal('GET', `${media}/thumbnail/${await upload(alice, file, type)}?width=96&height=96&method=crop`)
    const unreadable = { status: 400, errcode: 'M_UNKNOWN' }
    const tooLarge = { status: 413, errcode: 'M_TOO_LARGE' }
    const before = process.memoryUsage.rss()

    expect(await refusal(await blank(16_000, 16_000).png({ compressionLevel: 9 }).toBuffer())).toEqual(tooLarge)
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
    expect(await refusal(Buffer.from(svg))).toEqual(unreadable)
    expect(await refusal(await blank(100, 100).tiff().toBuffer())).toEqual(unreadable)
    expect(await refusal(Buffer.from('hello'), 'image/jpeg')).toEqual(unreadable)
    expect(await refusal(Buffer.alloc(0), 'image/jpeg')).toEqual(unreadable)
    const noise = sharp({
      create: {
        width: 600,
        height: 600,
        channels: 3,
        noise: { type: 'gaussian', mean: 128, sigma: 60 },
        background: 'black',
      },
    })
    for (const format of ['png', 'webp', 'gif'] as const) {
      const whole = await noise.clone().toFormat(format).toBuffer()
      expect(await refusal(whole.subarray(0, 5000), `image/${format}`)).toEqual(unreadable)
    }
    const disguised = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.from(svg)])
    expect(await refusal(disguised)).toEqual(unreadable)

    expect(process.memoryUsage.rss() - before).toBeLessThan(300 * 1024 * 1024)
    expect((await alice.request('GET', `${media}/config`)).status).toBe(200)
  })

  test('T78: of a film as GIF no more than 64 frames are decoded', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const mxc = await upload(alice, gifOf(10_000), 'image/gif')
    const answer = await thumbnail(alice, mxc, 'width=32&height=32&method=crop&animated=true')
    expect(answer).toMatchObject({ status: 200, type: 'image/webp', width: 32, frames: 64 })
    expect(await thumbnail(alice, mxc, 'width=32&height=32&method=crop')).toMatchObject({ status: 200, frames: 1 })
  })
})

/** A GIF of 64 x 64 with so many frames, each a single changed pixel. */
function gifOf(frames: number): Buffer {
  const head = Buffer.from('GIF89a\x40\x00\x40\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff', 'latin1')
  const frame = (n: number): Buffer =>
    Buffer.from(
      [
        [0x21, 0xf9, 4, 0, 5, 0, 0, 0], // shown for 50 ms
        [0x2c, n % 64, 0, (n >> 6) % 64, 0, 1, 0, 1, 0, 0], // one pixel at this place
        [2, 2, n % 2 ? 0x4c : 0x44, 1, 0], // of this colour
      ].flat(),
    )
  return Buffer.concat([head, ...Array.from({ length: frames }, (_, n) => frame(n)), Buffer.from([0x3b])])
}
