/** The music bot in a real call: what it plays is heard at the other end. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, jest, test } from '@jest/globals'
import type { Client } from '../../support/client.ts'
import { askToken, mediaMissing, startCallServer } from '../../support/livekit.ts'
import type { TestServer } from '../../support/server.ts'
import { until } from '../../support/until.ts'
import { wavOf } from '../../support/music/wav.ts'

jest.setTimeout(180_000)

const withSfu = mediaMissing ? describe.skip : describe
const listener = fileURLToPath(new URL('../../support/music/listener.ts', import.meta.url))
const bot = '@music:hs.test'
const config = 'calls: { music: on }'
const [low, high, ogg] = ['440', '700', '1000']

/** Somebody who is in the call and listens. */
class Ears implements AsyncDisposable {
  readonly #child: ReturnType<typeof spawn>
  readonly #heard: string[] = []

  constructor(server: TestServer, jwt: string) {
    const url = `${server.url.replace('http', 'ws')}/livekit/sfu`
    const args = [listener, url, jwt, low, high, ogg]
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    if (this.#child.stdout) createInterface({ input: this.#child.stdout }).on('line', (line) => this.#heard.push(line))
  }

  /** Resolves when that is what is heard now. */
  async hear(what: string): Promise<void> {
    await this.#until(what, () => this.#heard.at(-1) === what)
  }

  /** Resolves when that was heard, though it may be over. */
  async haveHeard(what: string): Promise<void> {
    await this.#until(what, () => this.#heard.includes(what))
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    await until(() => isSo() || this.#child.exitCode !== null, 20)
    if (!isSo()) throw new Error(`the listener ended before it heard ${what}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }
}

async function comesTrue(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50))
}

async function post(client: Client, room: string, name: string, bytes: Buffer, type: string): Promise<string> {
  const path = `/_matrix/media/v3/upload?filename=${name}`
  const { body } = await client.request('POST', path, new Uint8Array(bytes), { 'Content-Type': type })
  return await client.send(room, { msgtype: 'm.audio', body: name, url: body['content_uri'], info: { mimetype: type } })
}

const reply = (eventId: string, body: string) => ({
  msgtype: 'm.text',
  body,
  'm.relates_to': { 'm.in_reply_to': { event_id: eventId } },
})

/** What the bot has said, the latest first. */
async function saidIn(client: Client, room: string): Promise<string[]> {
  const { chunk } = await client.get(`/rooms/${room}/messages?dir=b&limit=100`)
  return (chunk as { sender: string; type: string; content: { body: string } }[])
    .filter(({ sender, type }) => sender === bot && type === 'm.room.message')
    .map(({ content }) => content.body)
}

const says = (client: Client, room: string, what: string): Promise<void> =>
  comesTrue(async () => (await saidIn(client, room)).some((body) => body.includes(what)))

async function callMember(client: Client, room: string): Promise<object | undefined> {
  const path = `/rooms/${room}/state/org.matrix.msc3401.call.member/_${bot}_MUSIC_m.call`
  const { status, body } = await client.request('GET', path)
  return status === 200 ? body : undefined
}

async function roomWithBot(client: Client): Promise<string> {
  const room = await client.createRoom({ preset: 'public_chat', invite: [bot] })
  await says(client, room, '!play')
  return room
}

withSfu(`the music bot in calls${mediaMissing ? ` (${mediaMissing})` : ''}`, () => {
  test('WAV and Ogg files of the room are heard; pausing is silence, skipping the next one, stopping the end', async () => {
    await using server = await startCallServer({ config })
    const alice = await server.register('alice')
    const room = await roomWithBot(alice)
    await using ears = new Ears(server, (await askToken(server, alice, room)).jwt)
    await ears.hear('in')
    const first = await post(alice, room, 'low.wav', wavOf({ hertz: 440, seconds: 300, rate: 8_000 }), 'audio/wav')
    await post(alice, room, 'high.wav', wavOf({ hertz: 700, seconds: 60, rate: 44_100, channels: 2 }), 'audio/wav')
    await post(alice, room, 'voice.ogg', await readFile('test/support/music/tone-1000-hz.ogg'), 'audio/ogg')

    await alice.send(room, reply(first, '!play'))
    await ears.hear(low)
    await says(alice, room, 'low.wav')
    expect(await callMember(alice, room)).toMatchObject({ application: 'm.call', device_id: 'MUSIC' })
    await alice.send(room, '!play voice')
    await alice.send(room, '!play HIGH')
    await alice.send(room, '!queue')
    await says(alice, room, '♪ low.wav\n1. voice.ogg\n2. high.wav')

    await alice.send(room, '!pause')
    await ears.hear('silence')
    await alice.send(room, '!resume')
    await ears.hear(low)
    await alice.send(room, '!volume 0')
    await ears.hear('silence')
    await alice.send(room, '!громкость 100')
    await says(alice, room, 'Громкость 100')
    await ears.hear(low)
    await alice.send(room, '!skip')
    await ears.haveHeard(ogg)
    await ears.hear(high) // the file was over, and the next one began of itself
    await alice.send(room, '!stop')
    await says(alice, room, 'The music is over.')
    await comesTrue(async () => Object.keys((await callMember(alice, room)) ?? {}).length === 0)
    const { calls } = await alice.get('/_domovoi/client/v1/calls')
    expect((calls as { participants: { user_id: string }[] }[])[0]?.participants.map((one) => one.user_id)).toContain(
      bot,
    )
  })

  test('when the queue is over the bot leaves the call, and what cannot be played is told and passed over', async () => {
    await using server = await startCallServer({ config })
    const alice = await server.register('alice')
    const room = await roomWithBot(alice)
    await using ears = new Ears(server, (await askToken(server, alice, room)).jwt)
    await ears.hear('in')
    await post(alice, room, 'text.wav', Buffer.from('no sound'), 'audio/wav')
    await alice.send(room, '!play')
    await says(alice, room, 'I do not know what kind of sound that is.')
    expect(await callMember(alice, room)).toBeUndefined()
    const broken = wavOf({ hertz: 440, seconds: 1 })
    broken.writeUInt16LE(7, 34) // samples of seven bits
    await post(alice, room, 'broken.wav', broken, 'audio/wav')
    await post(alice, room, 'long.wav', wavOf({ hertz: 440, seconds: 300, rate: 8_000 }), 'audio/wav')
    await alice.send(room, '!play long')
    await alice.send(room, '!play broken')
    await ears.hear(low)
    await says(alice, room, 'broken.wav is number 1')
    await alice.send(room, '!skip')
    await says(alice, room, 'broken.wav cannot be played.')
    await comesTrue(async () => Object.keys((await callMember(alice, room)) ?? { x: 1 }).length === 0)
  })
})
