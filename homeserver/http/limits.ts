/** The rate limits of each preset, all in one place. */
import type { Limits } from './rate-limit.ts'

/** Below what a person with several devices does on a busy day, well below what a script in a hurry does. */
const normal: Limits = {
  read: { perSecond: 50, burst: 500 },
  write: { perSecond: 5, burst: 50 },
  message: { perSecond: 2, burst: 50 },
  // Each device in a call restarts its leave every five seconds, and a family is behind one address.
  delayed: { perSecond: 10, burst: 200 },
  join: { perSecond: 0.5, burst: 20 },
  invite: { perSecond: 0.5, burst: 30 },
  createRoom: { perSecond: 0.2, burst: 20 },
  login: { perSecond: 0.2, burst: 10 },
  // Wrong access tokens from one network: an app whose session has ended tries it a few times on each of its ways.
  token: { perSecond: 1, burst: 100 },
  register: { perSecond: 0.1, burst: 5 },
  // Clients that register, and devices that meet: each log-in begins with one or two.
  oauth: { perSecond: 0.5, burst: 30 },
  ephemeral: { perSecond: 10, burst: 100 },
  media: { perSecond: 20, burst: 200 },
  search: { perSecond: 2, burst: 20 },
  keys: { perSecond: 20, burst: 200 },
  sync: { perSecond: 20, burst: 200 },
  // Of another server, with all its users.
  federation: { perSecond: 100, burst: 1000 },
  admin: { perSecond: 20, burst: 100 },
}

const scaled = (factor: number): Limits =>
  Object.fromEntries(
    Object.entries(normal).map(([name, { perSecond, burst }]) => [
      name,
      { perSecond: perSecond * factor, burst: Math.max(1, burst * factor) },
    ]),
  )

const presets = { strict: scaled(0.3), normal, lan: scaled(10), off: {} } as const

export function limitsOf(preset: keyof typeof presets): Limits {
  return presets[preset]
}
