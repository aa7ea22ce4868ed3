import { expect, test } from '@jest/globals'
import type { Client } from '../../test/support/client.ts'
import { wavOf } from '../../test/support/music/wav.ts'
import { startServer } from '../../test/support/server.ts'
import { until } from '../../test/support/until.ts'
import { askedIn } from './texts.ts'

const bot = '@music:hs.test'
const config = 'calls: { sfu: off, music: on }'

async function says(client: Client, room: string, what: string): Promise<void> {
  await until(async () => {
    const { chunk } = await client.get(`/rooms/${room}/messages?dir=b&limit=50`)
    const events = chunk as { sender: string; content: { body?: string } }[]
    return events.some(({ sender, content }) => sender === bot && content.body?.includes(what) === true)
  })
}

async function membershipOf(client: Client, room: string): Promise<unknown> {
  const { status, body } = await client.request('GET', `/rooms/${room}/state/m.room.member/${bot}`)
  return status === 200 ? body['membership'] : undefined
}

async function postWav(client: Client, room: string, name: string): Promise<void> {
  const path = `/_matrix/media/v3/upload?filename=${name}`
  const { body } = await client.request('POST', path, new Uint8Array(wavOf({ hertz: 440, seconds: 1 })))
  await client.send(room, { msgtype: 'm.audio', body: name, url: body['content_uri'] })
}

test('commands are taken in English and Russian, and nothing else is one', () => {
  expect(askedIn('!play')).toEqual({ command: 'play', language: 'en', rest: '' })
  expect(askedIn(' !Играй  Песня про зайцев ')).toEqual({ command: 'play', language: 'ru', rest: 'Песня про зайцев' })
  expect(['play', '!', '!playing', '! play', '!constructor', '!tg status', 'say !play'].map(askedIn)).toEqual(
    Array.from({ length: 7 }, () => undefined),
  )
})

test('in an encrypted room the bot says why it does not stay, and when one becomes encrypted as well', async () => {
  await using server = await startServer({ config })
  const alice = await server.register('alice')
  const content = { algorithm: 'm.megolm.v1.aes-sha2' }
  const secret = await alice.createRoom({
    invite: [bot],
    initial_state: [{ type: 'm.room.encryption', state_key: '', content }],
  })
  await says(alice, secret, 'This room is encrypted')
  await until(async () => (await membershipOf(alice, secret)) === 'leave')

  const open = await alice.createRoom({ invite: [bot] })
  await says(alice, open, '!queue')
  await alice.setState(open, 'm.room.encryption', content)
  await says(alice, open, 'This room is encrypted')
  await until(async () => (await membershipOf(alice, open)) === 'leave')
})

test('who may not join the call does not tell the bot what to play; it says what is wrong with what it is told', async () => {
  await using server = await startServer({ config })
  const [alice, bob] = [await server.register('alice'), await server.register('bob')]
  const room = await alice.createRoom({
    preset: 'public_chat',
    invite: [bot],
    power_level_content_override: { events: { 'org.matrix.msc3401.call.member': 50 } },
  })
  await says(alice, room, '!queue')
  await bob.post(`/join/${room}`)
  await bob.send(room, '!play')
  await says(alice, room, 'Only those who may join the call')
  await alice.send(room, '!skip')
  await says(alice, room, 'Nothing is played.')
  await alice.send(room, '!play')
  await says(alice, room, 'There is no such sound file')
  await alice.send(room, { msgtype: 'm.audio', body: 'x', file: { url: 'mxc://hs.test/x' } })
  await alice.send(room, '!play')
  await says(alice, room, 'That file is encrypted')
  await alice.send(room, { msgtype: 'm.audio', body: 'x', url: 'mxc://hs.test/nothing' })
  await alice.send(room, '!play')
  await says(alice, room, 'not there any more')
  await postWav(alice, room, 'song.wav')
  await alice.send(room, '!играй песню')
  await says(alice, room, 'нет такого звукового файла')
  await alice.send(room, '!play SONG')
  await says(alice, room, 'I cannot join the call')
})
