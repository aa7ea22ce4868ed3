/** Sound as it goes into a call: 48,000 samples a second, of two channels in turn, 16 bits each. */
export const RATE = 48_000
export const CHANNELS = 2

/** Samples of a file before they are brought into that form: of each channel, from -1 to 1. */
export interface Sound {
  readonly rate: number
  readonly channels: readonly Float32Array[]
}

/** The file is not of the kind that it seemed to be, or broken. */
export class UnplayableError extends Error {
  override name = 'UnplayableError'
}

/** The first two channels; one counts for both. */
export function interleaved({ channels }: Pick<Sound, 'channels'>): Int16Array {
  const [left = new Float32Array(0), right = left] = channels
  const samples = new Int16Array(left.length * CHANNELS)
  for (let at = 0; at < left.length; at++) {
    samples[at * 2] = sampleOf(left[at] ?? 0)
    samples[at * 2 + 1] = sampleOf(right[at] ?? 0)
  }
  return samples
}

const sampleOf = (value: number): number => Math.round(Math.max(-1, Math.min(1, value)) * 32_767)
