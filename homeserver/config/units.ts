/** Durations and sizes as people write them in the configuration. */

const DURATION = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
const SIZE = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const

/** `90s`, `15m`, `14d` → milliseconds; undefined when it is none. */
export const parseDuration = (text: string): number | undefined => parseUnit(text, DURATION)

/** `512KiB`, `100MiB`, `5GB` → bytes; undefined when it is none. */
export const parseSize = (text: string): number | undefined => parseUnit(text, SIZE)

function parseUnit(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?) ?([A-Za-z]{1,3})$/.exec(text.trim())
  const factor = match?.[2] === undefined || !Object.hasOwn(units, match[2]) ? undefined : units[match[2]]
  return factor === undefined ? undefined : Math.round(Number(match?.[1]) * factor)
}
