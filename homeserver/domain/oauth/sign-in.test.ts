import { expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import { Metrics } from '../../platform/metrics.ts'
import { startServer } from '../../../test/support/server.ts'
import { type SecondFactor, SignIn } from './sign-in.ts'

const alice = '@alice:hs.test'

/** Accepts one code from alice; nobody else has set it up. */
const codes: SecondFactor = {
  id: 'codes',
  field: { name: 'code', type: 'text', autocomplete: 'one-time-code' },
  isSetUp: async (userId) => userId === alice,
  prove: async (_, fields) => fields.get('code') === '123456',
}

test('who has a second factor is logged in halfway only until it is shown', async () => {
  const clock = new FakeClock()
  await using server = await startServer({ parts: { clock } })
  await server.register('alice')
  await server.register('bob')
  const { browserSessions } = server.server.services
  const metrics = new Metrics()
  const signIn = new SignIn({ metrics, browserSessions, methods: [], secondFactors: [codes] })
  expect((await signIn.begin('@bob:hs.test', undefined)).isComplete).toBe(true)

  const { cookie, isComplete } = await signIn.begin(alice, undefined)
  expect(isComplete).toBe(false)
  expect(await browserSessions.find(cookie)).toMatchObject({ awaitsFactor: 'codes' })
  const halfway = { userId: alice, awaitsFactor: 'codes', cookie } as const
  expect(await signIn.complete(halfway, new URLSearchParams({ code: '0' }), '127.0.0.1')).toBeUndefined()
  const complete = await signIn.complete(halfway, new URLSearchParams({ code: '123456' }), '127.0.0.1')
  expect(await browserSessions.find(complete ?? '')).toMatchObject({ userId: alice, awaitsFactor: undefined })
  expect(await browserSessions.find(cookie)).toBeUndefined()

  for (const result of ['accepted', 'refused']) {
    expect(metrics.text()).toContain(`login_steps_total{step="codes",result="${result}"} 1`)
  }

  const late = await signIn.begin(alice, undefined)
  await clock.advance(600_000)
  expect(await browserSessions.find(late.cookie)).toBeUndefined()
})
