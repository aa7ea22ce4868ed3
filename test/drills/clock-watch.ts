/** Looks whether things last as long as they should while the clock of the server is wrong, and come in the order of their sending. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../support/client.ts'
import type { DrillServer } from './drill-server.ts'
import { pagesBack } from './observer.ts'
import { inRoom } from './writer.ts'

const PASSWORD = 'password of the watch'
const LOCK_MS = 15 * 60_000
const FAILURES = 5
/** What is measured here and there may differ by this. */
const TOLERANCE_MS = 1_000
/** A delayed event that is not sent then waits for the wrong time. */
const PATIENCE_MS = 30_000
const SHORT_DELAY_MS = 500
const LONG_DELAY_MS = 20 * 60_000

/** When something began, by a clock that does not jump: the server cannot know better than that. */
interface Beginning {
  readonly earliest: number
  readonly latest: number
}

interface TimelineEvent {
  readonly event_id: string
  readonly type: string
  readonly origin_server_ts: number
}

export class ClockWatch {
  /** What ended early, or late, or not at all. */
  misExpired = 0
  /** Answers without the key, or whose validity was over. */
  badKeys = 0
  /** Things that were looked at. */
  checks = 0
  readonly #url: string
  readonly #client: Client
  readonly #lifetimeMs: number
  readonly #sent: string[] = []
  readonly #sessions: { readonly client: Client; readonly begun: Beginning }[] = []
  #roomId = ''
  #openIdToken = ''
  #refreshToken = ''
  #keyIds = ''
  #longDelay = ''
  #shortDelay = ''
  #uiaSession = ''
  #locked: Beginning = { earliest: 0, latest: 0 }
  #delays = 0

  private constructor({ url }: DrillServer, client: Client, lifetimeMs: number) {
    this.#url = url
    this.#client = client
    this.#lifetimeMs = lifetimeMs
  }

  /** Begins what is to last through all turns. */
  static async begin(server: DrillServer, tokenLifetimeMs: number): Promise<ClockWatch> {
    const watch = new ClockWatch(server, await new Client(server.url).register('watch', PASSWORD), tokenLifetimeMs)
    await watch.#begin()
    return watch
  }

  async #begin(): Promise<void> {
    const { userId } = this.#client
    this.#roomId = await this.#client.createRoom()
    this.#longDelay = await this.#schedule(LONG_DELAY_MS)
    this.#openIdToken = (await this.#client.post(`/user/${userId}/openid/request_token`))['access_token'] as string
    this.#refreshToken = (await this.#logIn('watch'))['refresh_token'] as string
    this.#keyIds = await this.#readKeys().then(({ ids }) => ids)
    await new Client(this.#url).register('locked', PASSWORD)
    for (let n = 1; n < FAILURES; n++) await this.#tryLocked('wrong')
    const { begun } = await timed(() => this.#tryLocked('wrong'))
    this.#locked = begun
  }

  /** Begins what is to end after the clock was turned. */
  async beforeTurn(): Promise<void> {
    const { value, begun } = await timed(() => this.#logIn('watch'))
    const client = new Client(this.#url)
    client.token = value['access_token'] as string
    this.#sessions.push({ client, begun })
    this.#shortDelay = await this.#schedule(SHORT_DELAY_MS)
    const { body } = await this.#deleteDevices()
    this.#uiaSession = body['session'] as string
    await this.#send()
  }

  /** `offBy` is by how much the clock of the server is wrong now. */
  async afterTurn(offBy: number): Promise<void> {
    await this.#send()
    await this.#lookAtLock(offBy)
    for (const session of this.#sessions) await this.#lookAtSession(session, offBy)
    await this.#renew(offBy)
    const openId = await this.#client.request(
      'GET',
      `/_matrix/federation/v1/openid/userinfo?access_token=${this.#openIdToken}`,
    )
    this.#note('an OpenID token', openId.status === 200, offBy)
    const password = { type: 'm.login.password', identifier: userOf('watch'), password: PASSWORD }
    const { status } = await this.#deleteDevices({ ...password, session: this.#uiaSession })
    this.#note('an interactive authentication', status === 200, offBy)
    await this.#lookAtDelays(offBy)
    const { ids, validUntil } = await this.#readKeys()
    if (ids !== this.#keyIds || validUntil <= Date.now() + Math.max(0, offBy)) this.badKeys++
  }

  /** The order of sending beside that of `/messages`, back and forth, and of `/sync`. */
  async compareOrder(): Promise<{ readonly inversions: number; readonly timestampsBack: number }> {
    const back: TimelineEvent[] = []
    for await (const chunk of pagesBack<TimelineEvent>(this.#client, this.#roomId)) back.push(...chunk)
    const limit = this.#sent.length + 100
    const forth = await this.#client.get(inRoom(this.#roomId, `messages?dir=f&limit=${limit}`))
    const filter = JSON.stringify({ room: { rooms: [this.#roomId], timeline: { limit } } })
    const synced = await this.#client.sync({ filter })
    const views = [back.reverse(), forth['chunk'], synced['rooms'].join[this.#roomId].timeline.events]
    let inversions = 0
    for (const view of views as TimelineEvent[][]) {
      const ids = view.map(({ event_id: id }) => id).filter((id) => this.#sent.includes(id))
      for (const [n, id] of this.#sent.entries()) if (ids[n] !== id) inversions++
    }
    const times = back.map(({ origin_server_ts: ts }) => ts)
    return { inversions, timestampsBack: times.filter((ts, n) => ts < (times[n - 1] ?? 0)).length }
  }

  /** The right password does not help, and what is told of the wait is right. */
  async #lookAtLock(offBy: number): Promise<void> {
    const [least] = lasted(this.#locked)
    const { status, body } = await this.#tryLocked(PASSWORD)
    const [, most] = lasted(this.#locked)
    const wait = Number(body['retry_after_ms'])
    const isRight = wait >= LOCK_MS - most - TOLERANCE_MS && wait <= LOCK_MS - least + TOLERANCE_MS
    this.#note(`the lock of an account (${wait} ms)`, status === 429 && isRight, offBy)
  }

  async #lookAtSession({ client, begun }: { client: Client; begun: Beginning }, offBy: number): Promise<void> {
    const [least] = lasted(begun)
    const { status, body } = await client.request('GET', '/account/whoami')
    const [, most] = lasted(begun)
    const isOver = status === 401 && body['soft_logout'] === true
    if (least > this.#lifetimeMs + TOLERANCE_MS) this.#note('an access token that is over', isOver, offBy)
    else if (most < this.#lifetimeMs - TOLERANCE_MS) this.#note('an access token', status === 200, offBy)
  }

  /** A session goes on whatever the time. */
  async #renew(offBy: number): Promise<void> {
    const { status, body } = await this.#client.request('POST', '/refresh', { refresh_token: this.#refreshToken })
    this.#note('a refresh token', status === 200 && body['expires_in_ms'] === this.#lifetimeMs, offBy)
    if (status === 200) this.#refreshToken = body['refresh_token'] as string
  }

  async #lookAtDelays(offBy: number): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS
    let waiting = await this.#scheduled()
    while (waiting.includes(this.#shortDelay) && performance.now() < deadline) {
      await sleep(50)
      waiting = await this.#scheduled()
    }
    this.#note('a delayed event', !waiting.includes(this.#shortDelay), offBy)
    this.#note('an event with a long delay', waiting.includes(this.#longDelay), offBy)
  }

  async #scheduled(): Promise<readonly string[]> {
    const body = await this.#client.get(`${delayedEvents}?status=scheduled`)
    return (body['delayed_events'] as { delay_id: string }[]).map(({ delay_id: id }) => id)
  }

  async #schedule(delayMs: number): Promise<string> {
    const query = `org.matrix.msc4140.delay=${delayMs}`
    const path = inRoom(this.#roomId, `send/test.drill.delayed/delayed${++this.#delays}?${query}`)
    return (await this.#client.put(path, {}))['delay_id'] as string
  }

  async #send(): Promise<void> {
    this.#sent.push(await this.#client.send(this.#roomId, 'What time is it?'))
  }

  async #readKeys(): Promise<{ readonly ids: string; readonly validUntil: number }> {
    const body = await this.#client.get('/_matrix/key/v2/server')
    return { ids: Object.keys(body['verify_keys'] as object).join(), validUntil: Number(body['valid_until_ts']) }
  }

  async #logIn(user: string): ReturnType<Client['ok']> {
    const body = { type: 'm.login.password', identifier: userOf(user), password: PASSWORD, refresh_token: true }
    return await new Client(this.#url).ok('POST', '/login', body)
  }

  async #tryLocked(password: string): ReturnType<Client['request']> {
    const body = { type: 'm.login.password', identifier: userOf('locked'), password }
    return await new Client(this.#url).request('POST', '/login', body)
  }

  async #deleteDevices(auth?: object): ReturnType<Client['request']> {
    return await this.#client.request('POST', '/delete_devices', { devices: ['NOBODYS'], ...(auth ? { auth } : {}) })
  }

  #note(what: string, isRight: boolean, offBy: number): void {
    this.checks++
    if (isRight) return
    this.misExpired++
    process.stderr.write(`${what} is not what it should be, the clock being off by ${offBy} ms\n`)
  }
}

const delayedEvents = '/_matrix/client/unstable/org.matrix.msc4140/delayed_events'
const userOf = (user: string): object => ({ type: 'm.id.user', user })

async function timed<T>(fn: () => Promise<T>): Promise<{ readonly value: T; readonly begun: Beginning }> {
  const earliest = performance.now()
  const value = await fn()
  return { value, begun: { earliest, latest: performance.now() } }
}

/** For how long at least and at most, in milliseconds. */
function lasted({ earliest, latest }: Beginning): readonly [number, number] {
  const now = performance.now()
  return [now - latest, now - earliest]
}
