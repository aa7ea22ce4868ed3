import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ffmpeg, ffmpegMissing, generated } from '../../../test/support/ffmpeg.ts'
import { hasTone, wavOf } from '../../../test/support/music/wav.ts'
import { decoded } from './decoded.ts'
import { kindOf } from './kind.ts'
import { CHANNELS, RATE, UnplayableError } from './pcm.ts'

let directory = ''
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'domovoi-music-'))))
afterAll(() => rm(directory, { recursive: true, force: true }))

/** What would take a native library here only tells which rate it was asked for. */
const asked: number[] = []
const resample = (rate: number) => {
  asked.push(rate)
  return { push: (samples: Int16Array) => [samples], flush: () => [] }
}

async function samplesOf(content: Buffer, { ffmpeg }: { ffmpeg?: string } = {}): Promise<Int16Array> {
  const path = join(directory, 'file')
  await writeFile(path, content)
  const kind = await kindOf(path)
  if (!kind) throw new UnplayableError('unknown')
  const pieces: Int16Array[] = []
  for await (const piece of decoded({ path, kind }, { ffmpeg, resample })) pieces.push(piece)
  return Int16Array.from(pieces.flatMap((piece) => [...piece]))
}

const channel = (samples: Int16Array, which: 0 | 1): Int16Array => samples.filter((_, at) => at % CHANNELS === which)

describe('sound files', () => {
  test.each([
    [16, 1],
    [16, 2],
    [8, 1],
    [24, 2],
    [32, 1],
    ['float', 2],
  ] as const)('WAV of %s bits and %i channels is heard as it is', async (bits, channels) => {
    const samples = await samplesOf(wavOf({ hertz: 440, seconds: 1, bits, channels }))
    expect(samples).toHaveLength(RATE * CHANNELS)
    expect(hasTone(channel(samples, 0), 440)).toBe(true)
    expect(hasTone(channel(samples, 1), 440)).toBe(true)
  })

  test('WAV at another rate is brought to that of calls, one that is cut off is played as far as it goes', async () => {
    asked.length = 0
    expect(await samplesOf(wavOf({ hertz: 440, seconds: 1, rate: 44_100 }))).toHaveLength(44_100 * CHANNELS)
    expect(asked).toEqual([44_100])
    const whole = wavOf({ hertz: 440, seconds: 1 })
    expect(await samplesOf(whole.subarray(0, 44 + RATE))).toHaveLength(RATE) // half a second of two bytes a sample
  })

  test('Opus in Ogg is heard', async () => {
    const samples = await samplesOf(await readFile('test/support/music/tone-1000-hz.ogg'))
    expect(samples.length / CHANNELS / RATE).toBeCloseTo(6, 1)
    expect(hasTone(channel(samples, 0).subarray(RATE, 2 * RATE), 1_000)).toBe(true)
  })

  test('what is broken, or no sound, is refused and nothing else happens', async () => {
    const opus = await readFile('test/support/music/tone-1000-hz.ogg')
    const wav = wavOf({ hertz: 440, seconds: 1 })
    const changed = (file: Buffer, at: number, bytes: readonly number[]): Buffer => {
      const copy = Buffer.from(file)
      Buffer.from(bytes).copy(copy, at)
      return copy
    }
    for (const bad of [
      Buffer.from('<html>'),
      Buffer.alloc(0),
      wav.subarray(0, 20),
      changed(wav, 16, [0xff, 0xff, 0xff, 0x7f]), // the length of the format
      changed(wav, 22, [0, 0]), // no channels
      changed(wav, 24, [0, 0, 0, 0]), // no rate
      changed(wav, 34, [7, 0]), // bits
      changed(opus, 28 + 9, [9]), // channels
      changed(opus, opus.length - 200, [...Buffer.from('OggX')]).subarray(0, 400),
    ]) {
      const outcome = await samplesOf(bad).then(
        (samples) => samples.length,
        (error: unknown) => error instanceof UnplayableError,
      )
      expect([true, 0]).toContainEqual(typeof outcome === 'number' && outcome < RATE ? 0 : outcome)
    }
  })

  test('other kinds go through ffmpeg with the one reader for them, and it ends when nobody listens any more', async () => {
    const mp3 = Buffer.from('ID3 and so on')
    await expect(samplesOf(mp3)).rejects.toThrow(UnplayableError)
    const [program, told] = [join(directory, 'ffmpeg'), join(directory, 'told')]
    const script = (end: string): string => `#!/bin/sh\necho "$$ $@" > '${told}'\n${end}\n`
    await writeFile(program, script("printf '\\001\\000\\002\\000\\003'"))
    await chmod(program, 0o755)
    expect([...(await samplesOf(mp3, { ffmpeg: program }))]).toEqual([1, 2]) // half a frame counts for nothing
    expect(await readFile(told, 'utf8')).toMatch(/-protocol_whitelist file -f mp3 -i /)

    await writeFile(program, script('exit 1'))
    await expect(samplesOf(mp3, { ffmpeg: program })).rejects.toThrow(UnplayableError)

    await writeFile(program, script('exec cat /dev/zero'))
    await writeFile(join(directory, 'endless'), mp3)
    const track = { path: join(directory, 'endless'), kind: { own: undefined, ffmpeg: 'mp3' } }
    for await (const piece of decoded(track, { ffmpeg: program, resample })) if (piece.length > 0) break
    const pid = Number((await readFile(told, 'utf8')).split(' ')[0])
    while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10))
  })
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const withFfmpeg = ffmpegMissing ? describe.skip : describe

withFfmpeg(`with the real ffmpeg${ffmpegMissing ? ` (${ffmpegMissing})` : ''}`, () => {
  test.each(['mp3', 'm4a', 'flac', 'aac', 'webm', 'ogg'])('%s is heard', async (ending) => {
    const sound = await generated('sine=frequency=440:duration=2', `tone.${ending}`)
    const samples = await samplesOf(sound, { ffmpeg })
    expect(hasTone(channel(samples, 0).subarray(RATE / 2, RATE), 440)).toBe(true)
  })

  test('a file that names others is not played', async () => {
    const list = `#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n`
    await expect(samplesOf(Buffer.from(`ID3${list}`), { ffmpeg })).rejects.toThrow(UnplayableError)
  })
})
