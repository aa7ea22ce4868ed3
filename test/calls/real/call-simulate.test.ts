import { writeFile } from 'node:fs/promises'
import { describe, expect, jest, test } from '@jest/globals'
import { callPorts, livekit, livekitMissing } from '../../support/livekit.ts'
import { cli, type Ended, Place } from '../../support/program.ts'
import { coturnMissing, TurnServer } from '../../support/turn.ts'

jest.setTimeout(300_000) // starts whole processes, perhaps on a busy machine

const withLivekit = livekitMissing ? describe.skip : describe

/** Beside a server with these settings of calls. */
async function simulate(place: Place, settings = ''): Promise<Ended> {
  await writeFile(place.path('config.yaml'), `public_url: ${place.url}\n${await callPorts(settings)}\n`)
  await place.start({ env: { LIVEKIT_SERVER: livekit ?? '' } })
  return await place.run(cli, { args: ['call-simulate'] })
}

withLivekit(`with the real LiveKit${livekitMissing ? ` (${livekitMissing})` : ''}`, () => {
  test('rtc 11, 21: call-simulate hears a tone through the SFU that the server runs, and sees a crashed app leave', async () => {
    await using place = await Place.make()
    const { code, stdout, stderr } = await simulate(place)
    expect(`${stdout}${stderr}`).toMatch(
      /ok {4}one hears the other.*\n(?:.*\n)*ok {4}silence when muted.*\n(?:.*\n)*Calls work/,
    )
    expect(stdout).toMatch(/how well .*loss \d.*jitter \d.*round trip \S.*from \w+ to \w+ (?:udp|tcp) \S+:\d/)
    expect(stdout).toContain('no TURN server in calls.turn')
    expect(code).toBe(0)
  })
})

const missing = livekitMissing ?? coturnMissing
const withTurn = missing ? describe.skip : describe

withTurn(`with the real LiveKit and the real coturn${missing ? ` (${missing})` : ''}`, () => {
  test('people whose network lets only TURN through hear each other', async () => {
    const secret = 'secret of the TURN server'
    await using turn = await TurnServer.start(secret, { relaysHere: true })
    await using place = await Place.make()
    const settings = `turn: { uris: ['turn:127.0.0.1:${turn.port}?transport=udp'], secret: ${secret} }`
    const { code, stdout, stderr } = await simulate(place, settings)
    expect(`${stdout}${stderr}`).toMatch(/ok {4}one hears the other by TURN.*\nok {4}how well by TURN .*from relay to /)
    expect(code).toBe(0)
  })

  test('a TURN server that does not know the secret is told of, with what mends it', async () => {
    await using turn = await TurnServer.start('another secret', { relaysHere: true })
    await using place = await Place.make()
    const settings = `turn: { uris: ['turn:127.0.0.1:${turn.port}?transport=udp'], secret: ours }`
    const { code, stdout, stderr } = await simulate(place, settings)
    expect(stdout).toMatch(/ok {4}silence when muted .*\n(?:.*\n)*FAIL {2}both connect by TURN/)
    expect(stderr).toContain('Does coturn run at the addresses of calls.turn.uris')
    expect(code).toBe(1)
  })
})
