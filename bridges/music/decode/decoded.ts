/** A file as it goes into a call: read by ourselves where we can, else by ffmpeg where that is. */
import type { Track } from '../messages.ts'
import { decodeByFfmpeg } from './ffmpeg.ts'
import { interleaved, RATE, type Sound, UnplayableError } from './pcm.ts'

/** Brings samples of two channels in turn from a rate to that of calls. */
export type Resample = (rate: number) => {
  readonly push: (samples: Int16Array) => readonly Int16Array[]
  readonly flush: () => readonly Int16Array[]
}

/** Throws `UnplayableError`. */
export async function* decoded(
  { path, kind }: Track,
  { ffmpeg, resample }: { readonly ffmpeg: string | undefined; readonly resample: Resample },
): AsyncGenerator<Int16Array, void> {
  if (kind.own === 'wav') yield* atRate((await import('./wav.ts')).decodeWav(path), resample)
  else if (kind.own === 'opus') yield* atRate((await import('./opus.ts')).decodeOpus(path), resample)
  else if (ffmpeg === undefined) throw new UnplayableError('there is no ffmpeg')
  else yield* decodeByFfmpeg(ffmpeg, path, kind.ffmpeg)
}

async function* atRate(sounds: AsyncIterable<Sound>, resample: Resample): AsyncGenerator<Int16Array, void> {
  let resampler: ReturnType<Resample> | undefined
  for await (const sound of sounds) {
    const samples = interleaved(sound)
    if (sound.rate === RATE) {
      yield samples
    } else {
      resampler ??= resample(sound.rate)
      yield* resampler.push(samples)
    }
  }
  if (resampler) yield* resampler.flush()
}
