/**
 * A real call between two users who are there for it alone: everything that an app does, with sound, and a crash at the end.
 * Each step that fails says what is probably wrong, and what mends it.
 */
import type { JoinToken, RtcLibrary } from './caller.ts'
import { type Advise, type StepResult, stepper } from './steps.ts'
import { byTurn, directly, talk } from './talk.ts'
import { askJson, Refused, TemporaryUser } from './temporary-user.ts'

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
  const talking = { step, rtc, askTokens: () => tokensOf(service, room, [alice, bob]) }
  await talk({ ...talking, way: directly })
  const { uris } = await alice.ask('GET', '/v3/voip/turnServer')
  if (Array.isArray(uris)) await talk({ ...talking, way: byTurn })
  else report('--    by TURN                             not tried: there is no TURN server in calls.turn')
  await step('a crashed app leaves', crashing, () => crash(alice, room))
}

const tokensOf = async (service: string, room: string, [first, second]: readonly [TemporaryUser, TemporaryUser]) =>
  [await callToken(service, first, room), await callToken(service, second, room)] as const

/** As old and new apps can. */
async function callToken(service: string, user: TemporaryUser, room: string): Promise<JoinToken> {
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

const general: Advise = () => 'The log of the server tells more.'

const registering: Advise = () =>
  'Accounts are made with registration.shared_secret: is this the configuration of the server that runs?'

const discovering: Advise = (error) =>
  error instanceof Refused && error.errcode === 'M_UNRECOGNIZED'
    ? 'Calls are off: run  npm run calls:install  and start the server anew, or see docs/calls.md for another SFU.'
    : 'Both come from public_url: if they differ, something in front of the server answers for it.'

const crashing: Advise = (error) =>
  error instanceof Refused
    ? 'The room does not let its members into calls: org.matrix.msc3401.call.member in its power levels, and calls.max_delay.'
    : 'Delayed events are late: is the server overloaded? Its log tells.'
