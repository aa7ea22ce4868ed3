import { expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import { Bridged } from '../../../test/support/telegram.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'

forEachDatabase(({ dialect }) => {
  test('case 22: a file that is too large for Telegram is told of with a link, which is good for a week and for that file', async () => {
    const clock = new FakeClock()
    await using bridged = await Bridged.start(dialect, 'telegram: { max_file: 1MiB }', { clock })
    const { alice, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const upload = async (bytes: Buffer) =>
      (
        await alice.request('POST', '/_matrix/media/v3/upload?filename=film.mp4', bytes, {
          'content-type': 'video/mp4',
        })
      ).body['content_uri'] as string
    const [url, other] = [await upload(Buffer.alloc(2 * 1024 * 1024, 'x')), await upload(Buffer.from('secret'))]
    const info = { mimetype: 'video/mp4', size: 2 * 1024 * 1024 }
    await alice.send(roomId, { msgtype: 'm.video', body: 'look!', filename: 'film.mp4', url, info })
    const { text = '' } = await bridged.said(group, (message) => message.text?.includes('film.mp4') === true)
    const [, path = ''] =
      /^alice: \[file: film\.mp4, 2 MB, too large for Telegram\] https?:\/\/[^/]+(\/\S+)\nlook!$/.exec(text) ?? []
    const stranger = server.client()
    const get = async (token: string) => await fetch(`${server.url}${token}`)
    const answer = await get(path)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'video/mp4'])
    expect(answer.headers.get('content-security-policy')).toContain('sandbox')
    expect((await answer.arrayBuffer()).byteLength).toBe(info.size)
    const part = await fetch(`${server.url}${path}`, { headers: { range: 'bytes=0-9' } })
    expect([part.status, await part.text()]).toEqual([206, 'x'.repeat(10)])

    const [said = '', signature = ''] = path.slice('/_domovoi/media/'.length).split('.')
    const [expires] = JSON.parse(Buffer.from(said, 'base64url').toString()) as [number]
    const forge = (claim: unknown[], sign = signature) =>
      stranger.refusal('GET', `/_domovoi/media/${Buffer.from(JSON.stringify(claim)).toString('base64url')}.${sign}`)
    const forged = { status: 403, errcode: 'M_FORBIDDEN' }
    const mediaIdOf = (mxc: string) => mxc.split('/').at(-1)
    expect(await forge([expires, 'hs.test', mediaIdOf(other)])).toEqual(forged)
    expect(await forge([expires + 1, 'hs.test', mediaIdOf(url)])).toEqual(forged)
    expect(await forge([expires, 'hs.test', mediaIdOf(url)], 'A'.repeat(43))).toEqual(forged)
    expect(await stranger.refusal('GET', '/_domovoi/media/x')).toEqual(forged)
    expect(await alice.refusal('POST', '/_internal/telegram/media/link', { mxc: url })).toMatchObject({ status: 401 })
  })
})
