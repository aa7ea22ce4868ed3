/** Sessions of one person on two devices, in any order of what can happen to them (P13). */
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Client } from '../../../test/support/client.ts'
import { startServer } from '../../../test/support/server.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

const devices = ['DESK', 'PHONE'] as const
type Device = (typeof devices)[number]

type Step =
  | { readonly do: 'log in'; readonly device: Device; readonly refreshable: boolean }
  | { readonly do: 'refresh' | 'log out' | 'log out everywhere'; readonly which: number }
  | { readonly do: 'wait'; readonly seconds: number }

interface Tokens {
  readonly device: Device
  readonly access: string
  readonly refresh: string | undefined
}

const device = fc.constantFrom(...devices)
const script: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('log in' as const), device, refreshable: fc.boolean() }),
    { weight: 4, arbitrary: fc.record({ do: fc.constant('refresh' as const), which: fc.nat(30) }) },
    fc.record({ do: fc.constantFrom('log out' as const, 'log out everywhere' as const), which: fc.nat(30) }),
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(5, 20, 4_000) }) },
  ),
  { minLength: 5, maxLength: 20 },
)

/** What was given out, and which of it still lets somebody in. */
class Sessions {
  readonly #client: Client
  readonly given: Tokens[] = []
  readonly #dead = new Set<string>()
  /** Tokens that let in after they did not any more. */
  readonly risen: Tokens[] = []

  constructor(client: Client) {
    this.#client = client
  }

  async logIn(deviceId: Device, refreshable: boolean): Promise<void> {
    const login = { type: 'm.login.password', user: 'alice', password: 'x', device_id: deviceId }
    this.#take(deviceId, await this.#client.post('/login', { ...login, refresh_token: refreshable }))
  }

  /** Whether the token was taken. */
  async refresh({ device: deviceId, refresh }: Tokens): Promise<boolean> {
    const { status, body } = await this.#client.request('POST', '/refresh', { refresh_token: refresh })
    if (status === 200) this.#take(deviceId, body)
    return status === 200
  }

  async ask(method: string, path: string, token: string): Promise<number> {
    return (await this.#client.request(method, path, undefined, { Authorization: `Bearer ${token}` })).status
  }

  /** The access tokens that let in, from the newest, whose use ends the refresh token before it. */
  async alive(): Promise<Tokens[]> {
    const alive: Tokens[] = []
    for (const tokens of this.given.toReversed()) {
      const isIn = (await this.ask('GET', '/account/whoami', tokens.access)) === 200
      if (isIn && this.#dead.has(tokens.access)) this.risen.push(tokens)
      if (isIn) alive.push(tokens)
      else this.#dead.add(tokens.access)
    }
    return alive
  }

  #take(deviceId: Device, answer: Record<string, unknown>): void {
    const { access_token: access, refresh_token: refresh } = answer as { access_token: string; refresh_token?: string }
    this.given.push({ device: deviceId, access, refresh })
  }
}

test('P13: what ended stays ended, renewed tokens do not pile up, and no device ends the session of another', async () => {
  await fc.assert(
    fc.asyncProperty(script, async (steps) => {
      const clock = new FakeClock()
      await using server = await startServer({ parts: { clock } })
      const client = server.client()
      await client.post('/register', {
        username: 'alice',
        password: 'x',
        auth: { type: 'm.login.dummy' },
        inhibit_login: true,
      })
      const sessions = new Sessions(client)
      let before: readonly Tokens[] = []
      for (const step of steps) {
        const of = (deviceId: Device | undefined) => (tokens: Tokens) => tokens.device === deviceId
        const pick = (some: readonly Tokens[], which: number): Tokens | undefined => some[which % some.length]
        let acted: Device | undefined
        let isOver = false
        if (step.do === 'log in') {
          acted = step.device
          await sessions.logIn(step.device, step.refreshable)
        } else if (step.do === 'refresh') {
          const token = pick(
            sessions.given.filter(({ refresh }) => refresh !== undefined),
            step.which,
          )
          if (!token) continue
          acted = token.device
          await sessions.refresh(token)
        } else if (step.do === 'wait') await clock.advance(step.seconds * 1000)
        else {
          const token = pick(before, step.which)
          if (!token) continue
          isOver = step.do === 'log out everywhere'
          acted = token.device
          expect(await sessions.ask('POST', isOver ? '/logout/all' : '/logout', token.access)).toBe(200)
        }
        const now = await sessions.alive()
        expect(sessions.risen).toEqual([])
        for (const deviceId of devices) {
          expect(now.filter(of(deviceId)).length).toBeLessThanOrEqual(2) // the last one, and that which it renews
          const isOther = acted !== deviceId && !isOver
          const lasting = before
            .filter(of(deviceId))
            .filter(({ refresh }) => step.do !== 'wait' || refresh === undefined)
          if (isOther) expect(now).toEqual(expect.arrayContaining(lasting))
        }
        if (step.do === 'log in') expect(now.filter(of(acted))).toEqual([sessions.given.at(-1)])
        if (step.do === 'log out' || isOver) {
          const gone = sessions.given.filter((tokens) => isOver || tokens.device === acted)
          expect(now.filter((tokens) => gone.includes(tokens))).toEqual([])
          for (const tokens of gone)
            if (tokens.refresh !== undefined) expect(await sessions.refresh(tokens)).toBe(false)
        }
        before = now
      }
    }),
    { numRuns: 15 },
  )
}, 120_000)
