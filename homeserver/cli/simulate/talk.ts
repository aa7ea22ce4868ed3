/** One says a tone and the other hears it: over whatever way there is, or through the TURN server alone. */
import { Caller, type CallQuality, type JoinToken, type RtcLibrary } from './caller.ts'
import type { Advise, Step } from './steps.ts'
import { Refused } from './temporary-user.ts'

const HERTZ = 440
const HEAR_MS = 15_000
const CONNECT_MS = 20_000
const FIGURES_MS = 5_000

interface Way {
  /** What the names of its steps end in. */
  readonly label: string
  readonly relayOnly: boolean
  readonly connecting: Advise
  readonly hearing: Advise
}

export const directly: Way = {
  label: '',
  relayOnly: false,
  connecting: () =>
    'The WebSocket /livekit/sfu must come through the reverse proxy (Upgrade, no time-out under 120 s), and the ports ' +
    'calls.udp_port (UDP) and calls.tcp_port (TCP) must be open. Behind NAT set calls.address.',
  hearing: () =>
    'Connected, but no sound: UDP comes through in one direction only, or calls.address is not the address of this server.',
}

export const byTurn: Way = {
  label: ' by TURN',
  relayOnly: true,
  connecting: () =>
    'People whose network lets nothing else through cannot call. Does coturn run at the addresses of calls.turn.uris, with ' +
    'use-auth-secret and the secret of calls.turn, and may it relay to the address of LiveKit (denied-peer-ip)? A LiveKit ' +
    'that runs elsewhere needs the same in rtc.turn_servers of its own configuration.',
  hearing: () => 'The TURN server lets people connect and passes nothing on: are the UDP ports of its relay open?',
}

export interface TalkOptions {
  readonly step: Step
  readonly rtc: RtcLibrary
  readonly way: Way
  readonly askTokens: () => Promise<readonly [JoinToken, JoinToken]>
}

/** Throws `StepFailed` at the first step that does. Both have left when it is through. */
export async function talk({ step, rtc, way, askTokens }: TalkOptions): Promise<void> {
  const { label, relayOnly } = way
  await using stack = new AsyncDisposableStack()
  const began = performance.now()
  const tokens = await step(`tokens for the SFU${label}`, authorising, async () => {
    const asked = await askTokens()
    return { value: asked, detail: asked[0].url }
  })
  const join = async (token: JoinToken): Promise<Caller> =>
    stack.use(await inTime(Caller.join(rtc, token, { relayOnly }), CONNECT_MS))
  const [a, b] = await step(`both connect${label}`, way.connecting, async () => {
    const joined = [await join(tokens[0]), await join(tokens[1])] as const
    return { value: joined, detail: '' }
  })
  await step(`one hears the other${label}`, way.hearing, async () => {
    await a.speak(HERTZ)
    if (!(await b.hears(HERTZ, HEAR_MS))) throw new Error(`no tone of ${HERTZ} Hz in ${HEAR_MS / 1000} s`)
    return {
      value: undefined,
      detail: `${Math.round(performance.now() - began)} ms after the first token was asked for`,
    }
  })
  await step(`how well${label}`, way.connecting, async () => {
    const quality = await qualityOf(b)
    if (relayOnly && quality.own !== 'relay')
      throw new Error(`it did not go through the TURN server, but by ${quality.own}`)
    return { value: undefined, detail: describe(quality) }
  })
  await step(`silence when muted${label}`, way.hearing, async () => {
    a.mute()
    if (!(await b.hears('silence', HEAR_MS))) throw new Error('there is still something to hear')
    return { value: undefined, detail: '' }
  })
}

/** A moment may pass until the way that was chosen is among the figures. */
async function qualityOf(caller: Caller): Promise<CallQuality> {
  const until = performance.now() + FIGURES_MS
  for (;;) {
    const quality = await caller.quality()
    if (quality.own !== 'unknown' || performance.now() > until) return quality
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function describe({ received, lost, jitter, roundTrip, own, other }: CallQuality): string {
  const loss = received + lost === 0 ? 0 : (100 * lost) / (received + lost)
  const trip = roundTrip === undefined ? 'unknown' : `${roundTrip.toFixed(1)} ms`
  return `loss ${loss.toFixed(1)} %, jitter ${jitter.toFixed(1)} ms, round trip ${trip}, from ${own} to ${other}`
}

async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`no connection in ${ms / 1000} s`)), ms)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

const authorising: Advise = (error) => {
  if (!(error instanceof Refused)) {
    return 'public_url leads nowhere from this machine: is it right, and does the reverse proxy let /livekit through?'
  }
  if (error.status === 500) return 'The SFU is not there: the log says why; `calls.sfu` in docs/calls.md.'
  if (error.status === 404) return 'The reverse proxy does not lead /livekit/jwt to this server, or strips the path.'
  return 'The server does not believe its own OpenID tokens: do public_url and server_name belong together?'
}
