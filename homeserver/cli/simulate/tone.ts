/** A sine tone, and how to recognise it: what a simulated call says, and hears. */

export const SAMPLE_RATE = 48_000

/** A piece of a tone of `hertz` that goes on where the one before it ended. */
export function toneFrom(start: number, length: number, hertz: number): Int16Array {
  const samples = new Int16Array(length)
  for (let at = 0; at < length; at++) {
    samples[at] = Math.round(8_000 * Math.sin((2 * Math.PI * hertz * (start + at)) / SAMPLE_RATE))
  }
  return samples
}

/** The strength of one frequency: the amplitude of the sine that is in the samples. By Goertzel's algorithm. */
export function strengthOf(samples: Int16Array, hertz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hertz) / SAMPLE_RATE)
  let [last, before] = [0, 0]
  for (const sample of samples) [last, before] = [sample + coefficient * last - before, last]
  const power = last * last + before * before - coefficient * last * before
  return (2 * Math.sqrt(Math.max(0, power))) / Math.max(1, samples.length)
}

/** Whether the tone is there and another frequency is not: voices and noise would have both. */
export function hasTone(samples: Int16Array, hertz: number): boolean {
  const strength = strengthOf(samples, hertz)
  return strength > 500 && strength > 10 * strengthOf(samples, hertz * 2.3)
}

export function isSilent(samples: Int16Array): boolean {
  return samples.every((sample) => Math.abs(sample) < 200)
}
