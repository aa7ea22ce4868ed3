/** T95: the keys and tokens of other services are in the settings, and nowhere else to be seen. */
import { inspect } from 'node:util'
import { afterEach, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import { settings } from '../../homeserver/config/settings.ts'
import { lookAtTelegram } from '../../homeserver/diagnose/telegram.ts'
import { configureLogging } from '../../homeserver/platform/log.ts'
import { startServer } from '../support/server.ts'

afterEach(() => configureLogging({}))

const canaryOf = (index: number): string => `4242:canary${index}of${'x'.repeat(20)}`

/** Nobody listens there. */
const nowhere = 'http://127.0.0.1:9'

test('T95: no secret of the settings is logged, answered or shown with them, also where the services are not to be had', async () => {
  const secrets = settings.filter(({ secret, key }) => secret && key !== 'registration.shared_secret')
  const given: Record<string, unknown> = {}
  for (const [index, { path }] of secrets.entries()) set(given, path, canaryOf(index))
  set(given, ['tracing', 'headers'], `authorization: ${canaryOf(99)}`)
  const services = { telegram: { api_root: nowhere }, sms: { gateway: nowhere } }
  const lines: string[] = []
  configureLogging({ level: 'debug', format: 'json', write: (line) => void lines.push(line) })
  await using server = await startServer({ config: [stringify(given), stringify(services)] })
  const { config } = server.server.services
  expect(config.telegram.bot_token?.reveal()).toMatch(/canary/)
  const alice = await server.register('alice')
  const answers = [
    await alice.request('POST', '/_matrix/client/v3/account/3pid/msisdn/requestToken', {
      client_secret: 'secret',
      country: 'GB',
      phone_number: '07700900001',
      send_attempt: 1,
    }),
    await alice.request('GET', '/_matrix/client/v3/login'),
    await alice.request('GET', '/_matrix/client/v3/voip/turnServer'),
    await alice.request('GET', '/nowhere'),
  ]
  const asking = () => Promise.reject(new Error(`no answer from ${nowhere}/bot${config.telegram.bot_token?.reveal()}`))
  const found = await lookAtTelegram(config, asking)
  await server.server.stop()
  const shown = [
    lines.join('\n'),
    JSON.stringify(answers),
    JSON.stringify(found),
    JSON.stringify(config),
    inspect(config),
  ]
  expect(lines.length).toBeGreaterThan(0)
  for (const text of shown) expect(text).not.toContain('canary')
})

function set(into: Record<string, unknown>, [name = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) into[name] = value
  else set((into[name] ??= {}) as Record<string, unknown>, rest, value)
}
