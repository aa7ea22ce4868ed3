/** Whether calls of groups work: the SFU, its ports, and what apps are told of it. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Config } from '../config/schema.ts'
import { Sfu, SfuError } from '../domain/rtc/sfu.ts'
import { messageOf } from '../platform/caught.ts'
import type { Clock } from '../platform/clock.ts'
import { createFetcher } from '../platform/fetch.ts'
import { Secret } from '../platform/secret.ts'
import { fail, type Finding, good, warn } from './finding.ts'
import { type Ask, tried } from './network.ts'

const AREA = 'calls'
const TIMEOUT_MS = 5_000

export interface CallSurroundings {
  /** The program `livekit-server` of this machine, if there is one. */
  readonly livekit: string | undefined
  readonly asking: Ask
  readonly clock: Clock
}

export async function lookAtCalls(config: Config, { livekit, asking, clock }: CallSurroundings): Promise<Finding[]> {
  const { sfu } = config.calls
  if (sfu === 'off') return []
  if (sfu === 'auto' && livekit === undefined) {
    const what = 'There is no livekit-server here: calls of two only'
    return [warn(AREA, what, 'npm run calls:install, or calls: { sfu: off }')]
  }
  const looks = sfu === 'auto' ? [lookAtPorts(config)] : [lookAtSfu(config, clock), lookAtPublicSfu(config, asking)]
  const found = await Promise.all([...looks, lookAtWellKnown(config, asking)])
  return [...found.flat(), ...lookAtEncryption(config)]
}

/** Those of an SFU that the server runs itself: it holds them as long as it runs. */
async function lookAtPorts({ calls: { udp_port: udp, tcp_port: tcp } }: Config): Promise<Finding[]> {
  const [hasUdp, hasTcp] = await Promise.all([isUdpHeld(udp), isTcpOpen(tcp)])
  const fix = 'npm start; if the server runs, look for livekit in its log, and whether another program has the port'
  return [
    hasUdp ? good(AREA, `UDP port ${udp} is held`) : fail(AREA, `Nothing listens at UDP port ${udp}`, fix),
    hasTcp ? good(AREA, `TCP port ${tcp} is open`) : fail(AREA, `Nothing listens at TCP port ${tcp}`, fix),
  ]
}

async function isUdpHeld(port: number): Promise<boolean> {
  const socket = createSocket('udp4')
  try {
    const bound = once(socket, 'listening')
    socket.bind(port)
    await bound
    return false
  } catch {
    return true
  } finally {
    socket.close()
  }
}

async function isTcpOpen(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port, signal: AbortSignal.timeout(TIMEOUT_MS) })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** Whether one that runs elsewhere does what we ask. */
async function lookAtSfu({ calls, outgoing }: Config, clock: Clock): Promise<Finding[]> {
  const { livekit_url: publicUrl = '', livekit_internal_url: inside, api_key: id = '', api_secret: secret } = calls
  const url = (inside ?? publicUrl).replace(/^ws/, 'http').replace(/\/+$/, '')
  const ca = outgoing.ca_file === undefined ? [] : [await readFile(outgoing.ca_file, 'utf8')]
  const fetch = createFetcher({ deny: [], clock, ...(ca.length > 0 ? { ca } : {}) })
  const place = { publicUrl, key: { id, secret: secret ?? new Secret('') }, internalUrl: () => url }
  try {
    await new Sfu({ place, fetch, clock }).liveRooms(['diagnose'])
    return [good(AREA, `The SFU at ${url} takes our key`)]
  } catch (error) {
    const isReached = error instanceof SfuError && error.code !== undefined
    return [
      isReached
        ? fail(AREA, messageOf(error), 'calls.api_key and calls.api_secret_file: as in the keys of LiveKit')
        : fail(AREA, messageOf(error), 'start livekit-server there, or look at calls.livekit_internal_url'),
    ]
  } finally {
    fetch.close()
  }
}

async function lookAtPublicSfu({ calls, public_url: base }: Config, asking: Ask): Promise<Finding[]> {
  const { livekit_url: url = '' } = calls
  if (url.startsWith('ws:') && base.startsWith('https:')) {
    return [fail(AREA, `Browsers refuse ${url} from a page of https`, 'calls: { livekit_url: wss://… }')]
  }
  const found = await tried(() => asking(url.replace(/^ws/, 'http')))
  const fix = 'calls.livekit_url, the DNS, or the reverse proxy before LiveKit'
  if (typeof found === 'string') return [fail(AREA, `Apps do not reach the SFU at ${url}: ${found}`, fix)]
  if (found.status >= 500) return [fail(AREA, `The proxy at ${url} does not reach the SFU: ${found.status}`, fix)]
  return [good(AREA, `Apps reach the SFU at ${url}`)]
}

/** Nothing to say where the public address does not answer: that is another area. */
async function lookAtWellKnown({ public_url: base }: Config, asking: Ask): Promise<Finding[]> {
  const found = await tried(() => asking(`${base}/.well-known/matrix/client`))
  if (typeof found === 'string' || found.status !== 200) return []
  if (found.text.includes(JSON.stringify(`${base}/livekit/jwt`))) return [good(AREA, 'Apps are told of the SFU')]
  return [fail(AREA, `Apps are not told of the SFU by ${base}/.well-known/matrix/client`, 'restart the server')]
}

function lookAtEncryption({ public_url: base }: Config): Finding[] {
  const { protocol, hostname } = new URL(base)
  if (protocol === 'https:' || /^(localhost|127\.)/.test(hostname)) return []
  return [warn(AREA, 'Browsers give pages of http no microphone', 'public_url: https://…, docs/deployment.md')]
}
