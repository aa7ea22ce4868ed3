import { writeFile } from 'node:fs/promises'
import { describe, expect, test } from '@jest/globals'
import { callPorts, livekit, livekitMissing } from '../../support/livekit.ts'
import { cli, Place } from '../../support/program.ts'

const withLivekit = livekitMissing ? describe.skip : describe

withLivekit(`with the real LiveKit${livekitMissing ? ` (${livekitMissing})` : ''}`, () => {
  test('rtc 11, 21: call-simulate hears a tone through the SFU that the server runs, and sees a crashed app leave', async () => {
    await using place = await Place.make()
    const config = `public_url: ${place.url}\n${await callPorts()}\n`
    await writeFile(place.path('config.yaml'), config)
    await place.start({ env: { LIVEKIT_SERVER: livekit ?? '' } })
    const { code, stdout, stderr } = await place.run(cli, { args: ['call-simulate'] })
    expect(`${stdout}${stderr}`).toMatch(
      /ok {4}one hears the other.*\n(?:.*\n)*ok {4}silence when muted.*\n(?:.*\n)*Calls work/,
    )
    expect(code).toBe(0)
  })
})
