import { expect, test } from '@jest/globals'
import { RichMessageBuilder } from 'node-telegram-bot-api'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { photoSize } from '../../../test/support/fake-telegram/media.ts'
import { Bridged } from '../../../test/support/telegram.ts'

const bytes = Buffer.from('some bytes')
const mxc = expect.stringMatching(/^mxc:\/\/hs\.test\//)

/** As blocks come from Telegram, whose media are files that it has. */
const paragraph = (text: string) => new RichMessageBuilder().paragraph(text).buildBlocks()

forEachDatabase(({ dialect }) => {
  test('case 23: a rich message is its text and its media, is edited part by part, and goes whole', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const photo = () => [photoSize(telegram.world.addFile(bytes, { name: 'p.jpg', type: 'image/jpeg' }))]
    const one = { type: 'photo', photo: photo(), caption: { text: 'one' } }
    const two = { type: 'photo', photo: photo(), caption: { text: 'two' } }
    const heading = new RichMessageBuilder().heading('News', 1).buildBlocks()
    const message = tom.rich(group, [...heading, one, two])
    const text = await bridged.text(roomId, 'News\n[photo]\n[photo]')
    expect(text['content'].formatted_body).toBe('<h1>News</h1><p><em>[photo]</em></p><p><em>[photo]</em></p>')
    const first = await bridged.text(roomId, 'one')
    const second = await bridged.text(roomId, 'two')
    expect(first['content']).toMatchObject({ msgtype: 'm.image', url: mxc })

    tom.edit(message, { rich_message: { blocks: [...heading, { ...one, photo: photo() }] as never } })
    const edit = await bridged.event(roomId, ({ content }) => content['m.relates_to']?.event_id === first['event_id'])
    expect(edit['content']['m.new_content'].url).not.toBe(first['content'].url)
    await bridged.event(roomId, ({ type, redacts }) => type === 'm.room.redaction' && redacts === second['event_id'])

    tom.say(group, { text: '/redact', replyTo: message.message_id })
    for (const { event_id: id } of [text, first]) {
      await bridged.event(roomId, ({ type, redacts }) => type === 'm.room.redaction' && redacts === id)
    }
    const said = (await bridged.events(roomId)).filter(({ type }) => type === 'm.room.message')
    expect(said.filter(({ content }) => content.url !== undefined && !content['m.new_content'])).toHaveLength(0)
  })

  test('case 23: a text that is too long for an event goes as a file, with its beginning', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const message = tom.rich(group, paragraph('ж'.repeat(32_000)))
    const { content } = await bridged.event(roomId, (event) => event['content']?.filename === 'message.txt')
    expect(content).toMatchObject({ msgtype: 'm.file', body: `${'ж'.repeat(500)}…`, url: mxc })
    tom.edit(message, {}) // noise, of which the room hears nothing
    tom.edit(message, { rich_message: { blocks: paragraph(`${'ж'.repeat(20_000)}end`) } })
    const edit = await bridged.event(roomId, (event) => event['content']?.['m.relates_to']?.rel_type === 'm.replace')
    expect(edit['content']['m.new_content'].body).toMatch(/end$/)
  })

  test('case 23: kinds that Matrix has nothing for are told with what is to be read in them', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const tell = async (more: object, body: RegExp) => {
      tom.say(group, { more })
      return await bridged.event(roomId, ({ content }) => body.test(content?.body ?? ''))
    }
    const tasks = [
      { id: 1, text: 'milk', completed_by_user: tom.user },
      { id: 2, text: 'bread' },
    ]
    const list = await tell({ checklist: { title: 'Shopping', tasks } }, /Shopping\n☑ milk\n☐ bread$/)
    expect(list['content']['org.domovoi.telegram']).toMatchObject({ kind: 'checklist' })
    const paid = { paid_media: { star_count: 5, paid_media: [] }, caption: 'look', has_protected_content: true }
    const { content } = await tell(paid, /^\[paid media\] .*\n5 ⭐\nlook$/)
    expect(content['org.domovoi.telegram']).toStrictEqual({ is_protected: true, kind: 'paid_media' })
    await tell({ giveaway: { chats: [], winner_count: 3, prize_description: 'a cake' } }, /a cake\n3 winners$/)
    await tell({ story: { chat: { id: 1, type: 'channel', username: 'news' }, id: 4 } }, /https:\/\/t\.me\/news\/s\/4$/)
    await tell({ invoice: { title: 'Tea', description: 'green' }, effect_id: '1' }, /^\[invoice\] .*\nTea\ngreen$/)
    await tell({ community_chat_added: { community: { id: 1, name: 'Town' } } }, /^\[community chat added\] .*\nTown$/)
    await tell({ kind_of_2027: { title: 'New' }, sender_tag: 'cook' }, /^\[kind of 2027\] .*\nNew$/)

    const { id, uniqueId } = telegram.world.addFile(bytes, { name: 'live.mp4', type: 'video/mp4' })
    const still = [photoSize(telegram.world.addFile(bytes, { name: 'p.jpg', type: 'image/jpeg' }))]
    const live = { file_id: id, file_unique_id: uniqueId, width: 4, height: 3, duration: 2, photo: still }
    tom.say(group, { more: { live_photo: live, photo: still, has_media_spoiler: true } as never })
    const film = await bridged.event(roomId, (event) => event['content']?.msgtype === 'm.video')
    expect(film['content']).toMatchObject({
      'page.codeberg.everypizza.msc4193.spoiler': true,
      'org.domovoi.telegram': { kind: 'live_photo' },
      info: { w: 4, h: 3, duration: 2000, thumbnail_url: mxc },
    })
  })

  test('case 17: a picture that is replaced in Telegram is replaced in Matrix, by whatever it is now', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const message = tom.send(group, 'photo', { bytes })
    const photo = await bridged.event(roomId, ({ content }) => content?.msgtype === 'm.image')
    const changed = tom.replace(message, 'photo', { bytes: Buffer.from('another') })
    const edit = await bridged.event(roomId, ({ content }) => content?.['m.relates_to']?.rel_type === 'm.replace')
    expect(edit['content']).toMatchObject({ msgtype: 'm.image', body: 'photo.jpg', url: mxc })
    expect(edit['content']['m.relates_to'].event_id).toBe(photo['event_id'])
    expect(edit['content']['m.new_content'].url).not.toBe(photo['content'].url)
    tom.replace(changed, 'video', { bytes, caption: 'a film' })
    const film = await bridged.event(roomId, ({ content }) => content?.['m.new_content']?.msgtype === 'm.video')
    expect(film['content']['m.new_content']).toMatchObject({ body: 'a film', info: { duration: 1000 } })
  })
})
