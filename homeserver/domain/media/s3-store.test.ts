import { randomBytes } from 'node:crypto'
import { expect, test } from '@jest/globals'
import sharp from 'sharp'
import { FakeClock } from '../../platform/fake-clock.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { FakeS3 } from '../../../test/support/fake-s3.ts'
import { download, filesIn, media, upload } from '../../../test/support/media-files.ts'
import { startMediaServer } from '../../../test/support/media-server.ts'
import { until } from '../../../test/support/until.ts'

forEachDatabase(({ freshUrl }) => {
  test('files and thumbnails in S3 come back whole and in parts, and stay on no disk', async () => {
    await using s3 = await FakeS3.start()
    await using server = await startMediaServer(await freshUrl(), { config: s3.config })
    const alice = server.client('alice')
    const content = randomBytes(3_000_000)
    const mxc = await upload(alice, content, 'video/mp4')
    expect((await download(alice, `${media}/download/${mxc}`)).bytes.equals(content)).toBe(true)
    const part = await download(alice, `${media}/download/${mxc}`, { Range: 'bytes=1000000-1999999' })
    expect(part.status).toBe(206)
    expect(part.bytes.equals(content.subarray(1_000_000, 2_000_000))).toBe(true)

    const image = await sharp({ create: { width: 500, height: 500, channels: 3, background: 'red' } })
      .png()
      .toBuffer()
    const picture = await upload(alice, image)
    for (const _ of [1, 2]) {
      const { bytes } = await download(alice, `${media}/thumbnail/${picture}?width=96&height=96&method=crop`)
      expect(await sharp(bytes).metadata()).toMatchObject({ width: 96, height: 96 })
    }
    expect(s3.objects.size).toBe(3)
    expect(new Set(s3.answers)).toEqual(new Set(['PUT 200', 'GET 206']))
    await until(async () => (await filesIn(server.directory)).length === 0)
  })

  test('a store that fails once is asked again, one that is down means 503', async () => {
    await using s3 = await FakeS3.start()
    await using server = await startMediaServer(await freshUrl(), { config: s3.config })
    const alice = server.client('alice')
    s3.failures = 1
    const mxc = await upload(alice, 'content', 'text/plain')
    s3.failures = 1
    expect((await download(alice, `${media}/download/${mxc}`)).bytes.toString()).toBe('content')
    s3.failures = 2
    expect(await alice.refusal('POST', '/_matrix/media/v3/upload', 'x')).toEqual({ status: 503, errcode: 'M_UNKNOWN' })
    s3.failures = 2
    expect(await alice.refusal('GET', `${media}/download/${mxc}`)).toEqual({ status: 503, errcode: 'M_UNKNOWN' })
    s3.objects.clear()
    expect(await alice.refusal('GET', `${media}/download/${mxc}`)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
  })

  test('a store that says nothing means 503 in the end, and what was on its way is swept up', async () => {
    await using s3 = await FakeS3.start()
    const clock = new FakeClock(Date.now())
    await using server = await startMediaServer(await freshUrl(), { config: s3.config, clock })
    const alice = server.client('alice')
    s3.hangs = true
    const refused = alice.refusal('POST', '/_matrix/media/v3/upload', 'x')
    let isOver = false
    void refused.finally(() => (isOver = true))
    await until(async () => {
      await clock.advance(1000)
      return isOver
    })
    expect(await refused).toEqual({ status: 503, errcode: 'M_UNKNOWN' })
    expect(s3.unanswered).toBeLessThan(2) // whoever uploads has waited long enough
    expect(await filesIn(server.directory)).toHaveLength(1)
    s3.hangs = false
    await until(async () => {
      await clock.advance(1000)
      return (await filesIn(server.directory)).length === 0
    })
    expect(s3.answers).toEqual(['DELETE 204'])
  })
})
