/** Calls in a browser: with a microphone that beeps, and an ear that tells whether sound comes in. */
import type { BrowserContext, Frame, Page } from 'playwright-core'
import { until } from '../e2e/element.ts'

/** A connection that does not come about is tried again after half a minute. */
const PATIENCE_MS = 120_000

/** Nobody is asked, and there is always something to hear. */
export const callFlags = [
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  '--allow-loopback-in-peer-connection',
]

/** Has the pages of a browser keep their connections, for `hearsMore`. */
export async function keepConnections(context: BrowserContext): Promise<void> {
  await context.addInitScript(`window.connections = []
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) { super(...given); window.connections.push(this) }
}`)
}

interface Sound {
  readonly bytes: number
  /** Of what could be decoded: noise that nobody can decrypt has none. */
  readonly energy: number
}

const incomingSound = `(async () => {
  let [bytes, energy] = [0, 0]
  for (const connection of window.connections) for (const stat of (await connection.getStats()).values()) {
    if (stat.type !== 'inbound-rtp' || stat.kind !== 'audio') continue
    bytes += stat.bytesReceived
    energy += stat.totalAudioEnergy ?? 0
  }
  return { bytes, energy }
})()`

/** Resolves when sound comes in, and more of it, that is not silence. */
export async function hearsMore(page: Frame | Page): Promise<void> {
  const before = await page.evaluate<Sound>(incomingSound)
  const isMore = async (): Promise<boolean> => {
    const now = await page.evaluate<Sound>(incomingSound)
    return now.bytes > before.bytes && now.energy > before.energy
  }
  await until('sound comes in', isMore, PATIENCE_MS)
}
