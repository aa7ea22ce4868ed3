import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import sharp from 'sharp'
import { FakeClock } from '../../homeserver/platform/fake-clock.ts'
import { forEachDatabase } from '../../test/support/databases.ts'
import { ffmpeg, ffmpegMissing, generated } from '../../test/support/ffmpeg.ts'
import { photoSize } from '../../test/support/fake-telegram/media.ts'
import { Bridged } from '../../test/support/telegram.ts'

const bytes = Buffer.from('some bytes')
const mxc = expect.stringMatching(/^mxc:\/\/hs\.test\//)
const webp = { name: 'still.webp', type: 'image/webp' }

/** A program that is called as ffmpeg is, and writes a picture of its own. */
async function fakeFfmpeg(): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'domovoi-ffmpeg-')), 'ffmpeg')
  await writeFile(path, '#!/bin/sh\nfor last; do :; done\nprintf moving > "$last"\n', { mode: 0o700 })
  return path
}

forEachDatabase(({ dialect }) => {
  test('case 23: custom emoji are pictures, looked for once', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const { id } = telegram.world.addFile(bytes, webp)
    for (const text of ['😀 one', '😀 two']) {
      tom.say(group, { text, entities: [{ type: 'custom_emoji', offset: 0, length: 2, custom_emoji_id: id }] })
    }
    tom.say(group, { text: '😀', entities: [{ type: 'custom_emoji', offset: 0, length: 2, custom_emoji_id: 'none' }] })
    const [one, two, none] = [
      await bridged.text(roomId, '😀 one'),
      await bridged.text(roomId, '😀 two'),
      await bridged.text(roomId, '😀'),
    ].map(({ content }) => content.formatted_body as string | undefined)
    const source = /src="(mxc:[^"]+)"/
    expect(one).toMatch(/^<img data-mx-emoticon src="mxc:\/\/hs\.test\/[^"]+" alt="😀"/)
    expect(source.exec(two ?? '')?.[1]).toBe(source.exec(one ?? '')?.[1])
    expect(none).toBeUndefined()
    const asked = telegram.calls.filter(({ method }) => method === 'getCustomEmojiStickers')
    expect(asked).toHaveLength(2)
  })

  test('case 23: films have a still picture, forwards and answers say where they come from, posts who signed', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const thumbnail = photoSize(telegram.world.addFile(bytes, webp))
    tom.send(group, 'video', { bytes, fields: { thumbnail } })
    const video = await bridged.event(roomId, ({ content }) => content?.msgtype === 'm.video')
    expect(video['content'].info).toMatchObject({ thumbnail_url: mxc, thumbnail_info: { w: 640, h: 480 } })

    const news = { id: -1001234, type: 'channel', title: 'News' }
    const origin = { type: 'channel', chat: news, message_id: 5, date: 1 }
    tom.say(group, { text: 'indeed', more: { external_reply: { origin, chat: news, message_id: 5 } } })
    await bridged.text(roomId, 'In reply to News https://t.me/c/1234/5\n\nindeed')
    tom.send(group, 'photo', { bytes, more: { forward_origin: origin } })
    expect((await bridged.text(roomId, 'Forwarded from News'))['content']).toMatchObject({ msgtype: 'm.image' })
    const contact = { first_name: 'Ann', phone_number: '+7', vcard: 'BEGIN:VCARD\nFN:Ann\nEND:VCARD' }
    tom.say(group, { more: { contact } })
    const card = await bridged.text(roomId, 'Contact: Ann, +7')
    expect(card['content']).toMatchObject({ msgtype: 'm.file', filename: 'contact.vcf', url: mxc })
    tom.say(group, { text: 'signed', as: group, more: { author_signature: 'Tom' } })
    expect((await bridged.text(roomId, 'signed'))['content']).toMatchObject({
      'org.domovoi.telegram': { author_signature: 'Tom' },
      'com.beeper.per_message_profile': { displayname: 'Tom' },
    })
  })

  test('case 23: stickers that are films become pictures that move, drawings keep their own form, and both go back', async () => {
    const ffmpeg = await fakeFfmpeg()
    await using bridged = await Bridged.start(dialect, `telegram: { ffmpeg: '${ffmpeg}' }`)
    const { alice, tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const thumbnail = photoSize(telegram.world.addFile(Buffer.from('still'), webp))
    const film = tom.send(group, 'sticker', { bytes, fields: { is_video: true, thumbnail, emoji: '🎬' } })
    const drawing = gzipSync('{"v":"5.5"}')
    tom.send(group, 'sticker', { bytes: drawing, fields: { is_animated: true, thumbnail, emoji: '🖍' } })
    const sticker = (body: string) =>
      bridged.event(roomId, ({ type, content }) => type === 'm.sticker' && content.body === body)
    const download = async (url: unknown) => {
      const path = String(url).replace('mxc://', '/_matrix/client/v1/media/download/')
      const headers = { authorization: `Bearer ${alice.token}` }
      return await (await fetch(`${bridged.server.url}${path}`, { headers })).text()
    }
    const shown = await sticker('🎬')
    expect(await download(shown['content'].url)).toBe('moving')
    const drawn = await sticker('🖍')
    expect(await download(drawn['content'].url)).toBe('still')
    expect(await download(drawn['content']['org.domovoi.telegram'].lottie)).toBe('{"v":"5.5"}')
    await alice.send(roomId, { body: '🎬', url: shown['content'].url, info: {} }, 'm.sticker')
    const again = await bridged.said(group, ({ sticker: sent }) => sent !== undefined)
    expect(again.sticker?.file_unique_id).toBe(film.sticker?.file_unique_id)
  })

  test('case 23: without ffmpeg a sticker that is a film is its still picture', async () => {
    await using bridged = await Bridged.start(dialect, `telegram: { ffmpeg: '/nowhere/ffmpeg' }`)
    const { tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const thumbnail = photoSize(telegram.world.addFile(Buffer.from('still'), webp))
    for (const emoji of ['1️⃣', '2️⃣'])
      tom.send(group, 'sticker', { bytes, fields: { is_video: true, thumbnail, emoji } })
    const { content } = await bridged.event(roomId, (event) => event['content']?.body === '2️⃣')
    expect(content.info).toMatchObject({ mimetype: 'image/webp', size: 5 })
  })

  test('case 22: a file that cannot be had is told of by its name', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const file = tom.upload('document', { bytes, name: 'lost.pdf' })
    telegram.world.files.delete(file.id)
    const document = { file_id: file.id, file_unique_id: file.uniqueId, file_name: 'lost.pdf' }
    tom.say(group, { more: { document, caption: 'read this' } })
    const lost = await bridged.event(roomId, ({ content }) => content?.body?.includes('lost.pdf') === true)
    expect(lost['content'].body).toMatch(/^\[document: lost\.pdf, it could not be read\] https:\S+\nread this$/)
  })

  test('case 23: a place that moves is told of every half minute, and where it ends', async () => {
    const telegramClock = new FakeClock()
    await using bridged = await Bridged.start(dialect, '', { telegramClock })
    const { tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const at = (latitude: number, more = {}) => ({ location: { latitude, longitude: 0, ...more } })
    let message = tom.say(group, { more: at(0, { live_period: 600 }) })
    for (let step = 1; step <= 6; step++) {
      await telegramClock.advance(10_000)
      message = tom.edit(message, at(step, { live_period: 600 }))
    }
    await telegramClock.advance(1_000)
    tom.edit(message, at(7))
    await bridged.event(roomId, ({ content }) => content?.['m.new_content']?.geo_uri === 'geo:7,0')
    const told = (await bridged.events(roomId)).map(({ content }) => content.geo_uri).filter(Boolean)
    expect(told).toEqual(['geo:0,0', 'geo:3,0', 'geo:6,0', 'geo:7,0'])
  })

  test('case 21: where nobody is named the bot reacts once for all, and says how many they are', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const message = tom.say(group, 'nice')
    const { event_id: target } = await bridged.text(roomId, 'nice')
    const count = (...all: [string, number][]) => {
      const reactions = all.map(([emoji, total]) => ({ type: { type: 'emoji', emoji }, total_count: total }))
      const change = { chat: group.chat, message_id: message.message_id, date: telegram.world.now, reactions }
      telegram.bot.tell({ message_reaction_count: change })
    }
    count(['👍', 12], ['🔥', 1])
    const reaction = (key: string) =>
      bridged.event(roomId, ({ type, content }) => type === 'm.reaction' && content['m.relates_to']?.key === key)
    const { event_id: first, sender, content } = await reaction('👍')
    expect([sender, content['m.relates_to'].event_id]).toEqual([bridged.botId, target])
    expect(content['org.domovoi.telegram']).toEqual({ count: 12 })
    await reaction('🔥')
    count(['🔥', 2])
    await bridged.event(
      roomId,
      ({ type, redacts, content: { redacts: inside } = {} }) =>
        type === 'm.room.redaction' && [redacts, inside].includes(first),
    )
  })
})

const withFfmpeg = ffmpegMissing ? describe.skip : describe

withFfmpeg(`with the real ffmpeg${ffmpegMissing ? ` (${ffmpegMissing})` : ''}`, () => {
  forEachDatabase(({ dialect }) => {
    test('case 23: a film becomes a picture that moves and is seen through', async () => {
      const film = await generated('testsrc=duration=1:size=512x512:rate=10,format=yuva420p', 'film.webm', [
        '-c:v',
        'libvpx-vp9',
      ])
      await using bridged = await Bridged.start(dialect, `telegram: { ffmpeg: '${ffmpeg}' }`)
      const { alice, tom } = bridged
      const group = bridged.group()
      const roomId = await bridged.bridge(group)
      tom.send(group, 'sticker', { bytes: film, fields: { is_video: true, emoji: '🎬' } })
      const shown = await bridged.event(roomId, ({ type, content }) => type === 'm.sticker' && content.body === '🎬')
      const path = String(shown['content'].url).replace('mxc://', '/_matrix/client/v1/media/download/')
      const headers = { authorization: `Bearer ${alice.token}` }
      const picture = await fetch(`${bridged.server.url}${path}`, { headers })
      const about = await sharp(await picture.arrayBuffer(), { animated: true }).metadata()
      expect(about).toMatchObject({ format: 'webp', pages: 10, width: 512, hasAlpha: true })
    })
  })
})
