/**
 * A real call between two users who are there for it alone: everything that an app does, with sound, and a crash at the end.
 * Each step that fails says what is probably wrong, and what mends it.
 */
import { Caller, type CallQuality, type RtcLibrary } from './caller.ts'
import { askJson, Refused, TemporaryUser } from './temporary-user.ts'

const HERTZ = 440
const HEAR_MS = 15_000
const CRASH_DELAY_MS = 1_000
/** What the leave of a crashed app may take beyond its delay. */
const CRASH_SLACK_MS = 2_000

export interface SimulationOptions {
  readonly rtc: RtcLibrary
  /** Of the server, as this machine reaches it. */
  readonly url: string
  readonly secret: string
  readonly report: (line: string) => void
}

/** A step failed; the message holds cause and fix. */
export class StepFailed extends Error {
  override name = 'StepFailed'
}

type Advise = (error: unknown) => string

/** Throws `StepFailed` at the first step that does. */
export async function simulateCall({ rtc, url, secret, report }: SimulationOptions): Promise<void> {
  const step = stepper(report)
  await using stack = new AsyncDisposableStack()
  const [alice, bob] = await step('two users', registering, async () => {
    const users = [await TemporaryUser.make(url, secret), await TemporaryUser.make(url, secret)] as const
    for (const user of users) stack.use(user)
    return { value: users, detail: users.map(({ userId }) => userId).join(' ') }
  })
  const room = await step('a room', general, async () => {
    const { room_id } = await alice.ask('POST', '/v3/createRoom', { preset: 'public_chat', visibility: 'private' })
    const roomId = String(room_id)
    await bob.ask('POST', `/v3/join/${encodeURIComponent(roomId)}`, {})
    return { value: roomId, detail: roomId }
  })
  const service = await step('where calls go through', discovering, async () => {
    const found = serviceIn((await alice.ask('GET', '/v1/rtc/transports'))['rtc_transports'])
    const told = serviceIn((await askJson('GET', `${url}/.well-known/matrix/client`))['org.matrix.msc4143.rtc_foci'])
    if (found === undefined || found !== told) throw new Error(`transports say ${found}, well-known says ${told}`)
    return { value: found, detail: found }
  })
  const began = performance.now()
  const [tokenOfAlice, tokenOfBob] = await step('tokens for the SFU', authorising, async () => {
    const tokens = [await callToken(service, alice, room), await callToken(service, bob, room)] as const
    return { value: tokens, detail: tokens[0].url }
  })
  const join = async (token: CallToken): Promise<Caller> => stack.use(await Caller.join(rtc, token))
  const callers = await step('both connect', connecting, async () => {
    const joined = [await join(tokenOfAlice), await join(tokenOfBob)] as const
    return { value: joined, detail: '' }
  })
  const [a, b] = callers
  await step('one hears the other', hearing, async () => {
    await a.speak(HERTZ)
    if (!(await b.hears(HERTZ, HEAR_MS))) throw new Error(`no tone of ${HERTZ} Hz in ${HEAR_MS / 1000} s`)
    return {
      value: undefined,
      detail: `${Math.round(performance.now() - began)} ms after the first token was asked for`,
    }
  })
  await step('how well', general, async () => ({ value: undefined, detail: describe(await b.quality()) }))
  await step('silence when muted', hearing, async () => {
    a.mute()
    if (!(await b.hears('silence', HEAR_MS))) throw new Error('there is still something to hear')
    return { value: undefined, detail: '' }
  })
  await step('a crashed app leaves', crashing, () => crash(alice, room))
}

interface CallToken {
  readonly url: string
  readonly jwt: string
}

/** As old and new apps can. */
async function callToken(service: string, user: TemporaryUser, room: string): Promise<CallToken> {
  const token = await user.ask('POST', `/v3/user/${encodeURIComponent(user.userId)}/openid/request_token`, {})
  const { access_token, matrix_server_name } = token
  const request = { room, openid_token: { access_token, matrix_server_name }, device_id: user.deviceId }
  const { url, jwt } = await askJson('POST', `${service}/sfu/get`, request)
  return { url: String(url), jwt: String(jwt) }
}

async function crash(user: TemporaryUser, room: string): Promise<StepResult<undefined>> {
  const stateKey = encodeURIComponent(`_${user.userId}_${user.deviceId}_m.call`)
  const state = `/v3/rooms/${encodeURIComponent(room)}/state/org.matrix.msc3401.call.member/${stateKey}`
  await user.ask('PUT', state, { application: 'm.call', call_id: '', device_id: user.deviceId })
  await user.ask('PUT', `${state}?org.matrix.msc4140.delay=${CRASH_DELAY_MS}`, {})
  const left = performance.now()
  const until = left + CRASH_DELAY_MS + CRASH_SLACK_MS
  while (Object.keys(await user.ask('GET', state)).length > 0) {
    if (performance.now() > until) throw new Error(`still in the call ${CRASH_SLACK_MS} ms after the time to leave`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const late = Math.max(0, Math.round(performance.now() - left - CRASH_DELAY_MS))
  return { value: undefined, detail: `${late} ms after its time` }
}

function serviceIn(transports: unknown): string | undefined {
  const list = Array.isArray(transports) ? (transports as readonly Readonly<Record<string, unknown>>[]) : []
  const found = list.find(({ type }) => type === 'livekit')?.['livekit_service_url']
  return typeof found === 'string' ? found : undefined
}

function describe({ received, lost, jitter, roundTrip, way }: CallQuality): string {
  const loss = received + lost === 0 ? 0 : (100 * lost) / (received + lost)
  const trip = roundTrip === undefined ? 'unknown' : `${roundTrip.toFixed(1)} ms`
  return `loss ${loss.toFixed(1)} %, jitter ${jitter.toFixed(1)} ms, round trip ${trip}, by ${way}`
}

interface StepResult<T> {
  readonly value: T
  readonly detail: string
}

function stepper(report: (line: string) => void) {
  return async <T>(name: string, advise: Advise, work: () => Promise<StepResult<T>>): Promise<T> => {
    const began = performance.now()
    try {
      const { value, detail } = await work()
      const ms = Math.round(performance.now() - began)
      report(`ok    ${name.padEnd(24)}${String(ms).padStart(6)} ms  ${detail}`.trimEnd())
      return value
    } catch (error) {
      report(`FAIL  ${name}`)
      const cause = error instanceof Error ? error.message : String(error)
      throw new StepFailed(`${cause}\n${advise(error)}`, { cause: error })
    }
  }
}

const general: Advise = () => 'The log of the server tells more.'

const registering: Advise = () =>
  'Accounts are made with registration.shared_secret: is this the configuration of the server that runs?'

const discovering: Advise = (error) =>
  error instanceof Refused && error.errcode === 'M_UNRECOGNIZED'
    ? 'Calls are off: run  npm run calls:install  and start the server anew, or see docs/calls.md for another SFU.'
    : 'Both come from public_url: if they differ, something in front of the server answers for it.'

const authorising: Advise = (error) => {
  if (!(error instanceof Refused)) {
    return 'public_url leads nowhere from this machine: is it right, and does the reverse proxy let /livekit through?'
  }
  if (error.status === 500) return 'The SFU is not there: the log says why; `calls.sfu` in docs/calls.md.'
  if (error.status === 404) return 'The reverse proxy does not lead /livekit/jwt to this server, or strips the path.'
  return 'The server does not believe its own OpenID tokens: do public_url and server_name belong together?'
}

const connecting: Advise = () =>
  'The WebSocket /livekit/sfu must come through the reverse proxy (Upgrade, no time-out under 120 s), and the ports ' +
  'calls.udp_port (UDP) and calls.tcp_port (TCP) must be open. Behind NAT set calls.address.'

const hearing: Advise = () =>
  'Connected, but no sound: UDP comes through in one direction only, or calls.address is not the address of this server.'

const crashing: Advise = (error) =>
  error instanceof Refused
    ? 'The room does not let its members into calls: org.matrix.msc3401.call.member in its power levels, and calls.max_delay.'
    : 'Delayed events are late: is the server overloaded? Its log tells.'
