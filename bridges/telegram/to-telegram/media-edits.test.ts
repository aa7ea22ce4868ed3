import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Bridged } from '../../../test/support/telegram.ts'

forEachDatabase(({ dialect }) => {
  test('case 17: a picture that is replaced in Matrix is replaced in Telegram, where that can be', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const upload = async (text: string, type: string): Promise<string> => {
      const path = '/_matrix/media/v3/upload?filename=a'
      const { body } = await alice.request('POST', path, Buffer.from(text), { 'content-type': type })
      return body['content_uri'] as string
    }
    const edit = async (original: string, content: object) =>
      await alice.send(roomId, {
        body: '* edited',
        msgtype: 'm.text',
        'm.new_content': content,
        'm.relates_to': { rel_type: 'm.replace', event_id: original },
      })
    const shown = () =>
      telegram.said(group).filter(({ photo, video, voice, document }) => photo ?? video ?? voice ?? document)

    const jpeg = await upload('one', 'image/jpeg')
    const spoiler = { 'page.codeberg.everypizza.msc4193.spoiler': true }
    const image = { msgtype: 'm.image', body: 'p.jpg', url: jpeg, info: { mimetype: 'image/jpeg' } }
    const photo = await alice.send(roomId, { ...image, ...spoiler })
    const first = await telegram.until(() => shown()[0])
    expect(first).toMatchObject({ has_media_spoiler: true, caption: 'alice' })
    await edit(photo, { ...image, filename: 'p.jpg', body: 'a word' })
    await telegram.until(() => shown()[0]?.caption === 'alice: a word')
    expect(telegram.calls.filter(({ method }) => method === 'editMessageMedia')).toHaveLength(0)
    const film = {
      msgtype: 'm.video',
      body: 'f.mp4',
      url: await upload('film', 'video/mp4'),
      info: { mimetype: 'video/mp4' },
    }
    await edit(photo, film)
    await telegram.until(() => shown()[0]?.video)
    expect(shown()).toHaveLength(1)
    expect(shown()[0]).toMatchObject({ message_id: first.message_id, caption: 'alice' })

    const long = await alice.send(roomId, 'x'.repeat(5_000))
    await telegram.until(() => telegram.said(group).filter(({ text }) => text?.includes('xxx')).length === 2)
    await edit(long, image)
    await telegram.until(() => shown().length === 2 && !telegram.said(group).some(({ text }) => text?.includes('xxx')))

    const voice = { 'org.matrix.msc3245.voice': {}, msgtype: 'm.audio', info: { mimetype: 'audio/ogg' } }
    const spoken = { ...voice, body: 'v.ogg', url: await upload('spoken', 'audio/ogg') }
    const said = await alice.send(roomId, spoken)
    const old = await telegram.until(() => shown().find((one) => one.voice))
    await edit(said, { ...spoken, url: await upload('anew', 'audio/ogg') })
    const anew = await telegram.until(() => shown().find((one) => one.voice && one.message_id !== old.message_id))
    await telegram.until(() => !shown().some((one) => one.message_id === old.message_id))
    await alice.put(`/rooms/${encodeURIComponent(roomId)}/redact/${encodeURIComponent(said)}/r1`, {})
    await telegram.until(() => !shown().some((one) => one.message_id === anew.message_id))
  })
})
