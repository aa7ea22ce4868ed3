import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from '@jest/globals'
import { telegramImport } from './telegram-import.ts'
import { loadConfig } from '../config/load.ts'
import type { Client } from '../../test/support/client.ts'
import { type Dialect, forEachDatabase } from '../../test/support/databases.ts'
import { startServer, type TestServer } from '../../test/support/server.ts'

type Json = Record<string, any> // eslint-disable-line -- what is in rooms is looked into freely by tests

const settings = `telegram: { bot_token: '1:token', api_root: 'http://127.0.0.1:9', run: separate }`

/** A server, and an export beside it. */
class Import implements AsyncDisposable {
  readonly server: TestServer
  readonly directory: string

  private constructor(server: TestServer, directory: string) {
    this.server = server
    this.directory = directory
  }

  static async make(database: Dialect): Promise<Import> {
    const server = await startServer({ database, config: settings })
    return new Import(server, await mkdtemp(join(tmpdir(), 'domovoi-export-')))
  }

  async write(name: string, content: string | object): Promise<void> {
    const path = join(this.directory, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content, undefined, 1))
  }

  /** What the command prints. */
  async run(userId: string): Promise<string> {
    const { server, directory } = this
    const text = `
server_name: hs.test
data_dir: ${server.dataDir}
listen: { host: 127.0.0.1, port: ${server.server.port} }
registration: { shared_secret: secret of the tests }
${settings}`
    const config = loadConfig({ files: [{ name: 'test', text }], env: {}, readFile: () => '' })
    const printed: string[] = []
    const unused = () => {
      throw new Error('the command needs no more')
    }
    const print = (line: string): void => void printed.push(line)
    const asked = { values: { for: userId }, positionals: [directory], config: () => config, loaded: unused, print }
    await telegramImport.run(asked)
    return printed.join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
    await rm(this.directory, { recursive: true, force: true })
  }
}

/** Messages of a room in their order. */
async function messagesIn(client: Client, roomId: string): Promise<Json[]> {
  const page = await client.get(`/rooms/${encodeURIComponent(roomId)}/messages?dir=f&limit=100`)
  return (page['chunk'] as Json[]).filter(({ type }) => type === 'm.room.message' || type === 'm.sticker')
}

const said = (id: number, from: string, more: Json): Json => ({
  id,
  type: 'message',
  date: '2020-01-01T00:00:00',
  date_unixtime: String(1_577_836_800 + id),
  from,
  from_id: { Tom: 'user5', Ann: 'user6', News: 'channel7' }[from],
  text: '',
  ...more,
})

const missing = '(File not included. Change data exporting settings to download.)'
const history = {
  name: 'Kitchen',
  type: 'private_supergroup',
  id: 77,
  messages: [
    { id: 1, type: 'service', date_unixtime: '1577836801', date: '2020-01-01T00:00:01', actor: 'Tom', actor_id: 'user5', action: 'create_group', title: 'Kitchen', text: '' }, // prettier-ignore
    said(2, 'Tom', {
      text: ['Who ', { type: 'bold', text: 'cooks' }, '?'],
      text_entities: [
        { type: 'plain', text: 'Who ' },
        { type: 'bold', text: 'cooks' },
        { type: 'plain', text: '? ' },
        { type: 'mention_name', text: 'Ann', user_id: 6 },
      ],
    }),
    said(3, 'Ann', {
      text: ['me: ', { type: 'link', text: 'soup.test' }],
      reply_to_message_id: 2,
      edited_unixtime: '1577836900',
    }),
    said(4, 'Tom', { photo: 'photos/1.jpg', width: 4, height: 3, text: 'the pan' }),
    said(5, 'Ann', { file: 'stickers/a.webp', media_type: 'sticker', sticker_emoji: '🍲', width: 512, height: 512 }),
    said(6, 'Tom', { file: 'voice/1.ogg', media_type: 'voice_message', mime_type: 'audio/ogg', duration_seconds: 3 }),
    said(7, 'Tom', { file: missing, file_name: 'recipe.pdf', mime_type: 'application/pdf' }),
    said(8, 'Tom', { file: '../outside', file_name: 'secret' }),
    said(9, 'News', { text: 'read this', forwarded_from: 'Somebody else' }),
    { ...said(10, 'Tom', {}), type: 'service', action: 'score_in_game' },
    said(11, 'Tom', { location_information: { latitude: 1.5, longitude: 2 } }),
  ],
}

forEachDatabase(({ dialect }) => {
  test('an export becomes a room, with who said what when; again, nothing comes twice, and what is new is added', async () => {
    await using place = await Import.make(dialect)
    const alice = await place.server.register('alice')
    await place.write('result.json', history)
    for (const name of ['photos/1.jpg', 'stickers/a.webp', 'voice/1.ogg']) await place.write(name, `bytes of ${name}`)

    const first = await place.run(alice.userId)
    const [, roomId = ''] = /^10 messages came into (\S+); 0 were there already$/.exec(first) ?? []
    await alice.post(`/rooms/${encodeURIComponent(roomId)}/join`)
    const events = await messagesIn(alice, roomId)
    const [created, question, answer, edit, photo, sticker, voice, lost, outside, forward, location] = events
    expect(events).toHaveLength(11)
    expect(created).toMatchObject({
      sender: '@telegrambot:hs.test',
      origin_server_ts: 1_577_836_801_000,
      content: { msgtype: 'm.notice', body: 'Tom created Kitchen' },
    })
    expect(question).toMatchObject({
      sender: '@telegram_5:hs.test',
      origin_server_ts: 1_577_836_802_000,
      content: { body: 'Who cooks? Ann', 'm.mentions': { user_ids: ['@telegram_6:hs.test'] } },
    })
    expect(question?.['content'].formatted_body).toContain('Who <strong>cooks</strong>? <a href=')
    expect(answer).toMatchObject({
      sender: '@telegram_6:hs.test',
      content: {
        body: 'me: soup.test',
        formatted_body: 'me: <a href="https://soup.test">soup.test</a>',
        'm.relates_to': { 'm.in_reply_to': { event_id: question?.['event_id'] } },
      },
    })
    expect(edit).toMatchObject({
      origin_server_ts: 1_577_836_900_000,
      content: { 'm.relates_to': { rel_type: 'm.replace', event_id: answer?.['event_id'] } },
    })
    expect(photo?.['content']).toMatchObject({ msgtype: 'm.image', body: 'the pan', info: { w: 4, h: 3 } })
    const mxc = String(photo?.['content'].url).replace('mxc://', '')
    expect((await alice.request('GET', `/_matrix/client/v1/media/download/${mxc}`)).body['text']).toBe(
      'bytes of photos/1.jpg',
    )
    expect(sticker).toMatchObject({ type: 'm.sticker', content: { body: '🍲', info: { w: 512 } } })
    expect(voice?.['content']).toMatchObject({ msgtype: 'm.audio', info: { duration: 3000 } })
    expect(lost?.['content'].body).toContain('[document: recipe.pdf, it could not be read]')
    expect(outside?.['content'].body).toContain('[document: secret, it could not be read]')
    expect(forward).toMatchObject({ sender: '@telegram_channel_1000000000007:hs.test' })
    expect(forward?.['content'].body).toBe('Forwarded from Somebody else:\n> read this')
    expect(location?.['content']).toMatchObject({ msgtype: 'm.location', geo_uri: 'geo:1.5,2' })
    const name = await alice.get(`/profile/${encodeURIComponent('@telegram_5:hs.test')}/displayname`)
    expect(name).toEqual({ displayname: 'Tom' })

    expect(await place.run(alice.userId)).toBe(`0 messages came into ${roomId}; 10 were there already`)
    const deleted = `/rooms/${encodeURIComponent(roomId)}/redact/${encodeURIComponent(String(voice?.['event_id']))}/t`
    await alice.put(deleted, {})
    const [, tomAsked] = history.messages
    const messages = [
      ...history.messages.with(1, { ...tomAsked, edited_unixtime: '1577837000' }),
      said(12, 'Ann', { text: 'done', reply_to_message_id: 4 }),
    ]
    await place.write('result.json', { ...history, messages })
    expect(await place.run(alice.userId)).toBe(`1 messages came into ${roomId}; 10 were there already`)
    const added = (await messagesIn(alice, roomId)).slice(11)
    expect(added.map(({ content }) => content['m.relates_to'])).toEqual([
      { rel_type: 'm.replace', event_id: question?.['event_id'] },
      { 'm.in_reply_to': { event_id: photo?.['event_id'] } },
    ])
  })

  test('what is no export of a chat is refused, with the reason, and makes no room', async () => {
    await using place = await Import.make(dialect)
    const alice = await place.server.register('alice')
    const refusal = async (content: string | object): Promise<string> => {
      await place.write('result.json', content)
      return await place.run(alice.userId).then(String, (error: Error) => error.message)
    }
    expect(await place.run(alice.userId).catch((error: Error) => error.message)).toContain('There is no result.json in')
    expect(await refusal('<html>')).toMatch(/^The file is no JSON .* An export of one chat is wanted/)
    expect(await refusal({ about: '', chats: { list: [history] } })).toMatch(/^That is the export of a whole account\./)
    expect(await refusal({ id: 1, type: 'personal_chat' })).toMatch(
      /^The file has no chat with type, id and messages\./,
    )
    expect(await refusal(JSON.stringify(history).slice(0, -2))).toMatch(/^The file ends too early\./)
    const odd = said(3, 'Tom', { from_id: 'user5/../6' })
    expect(await refusal({ ...history, messages: [history.messages[0], odd] })).toMatch(
      /^Message 2 of the file: [^]*from_id/,
    )
    await expect(place.run('@alice:elsewhere.test')).rejects.toThrow('a user of this server, as in @alice:hs.test')
    expect((await alice.sync())['rooms']?.invite ?? {}).toEqual({})
  })
})
