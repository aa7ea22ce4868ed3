import { expect, test } from '@jest/globals'
import { Metrics } from '../platform/metrics.ts'
import { listen } from './listener.ts'
import { metricsHandler } from './metrics.ts'

test('numbers are served at /metrics and nothing else is', async () => {
  const metrics = new Metrics()
  metrics.counter('tries_total', 'How often it was tried', []).inc()
  const listening = await listen(metricsHandler(metrics), { host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${listening.port}`
  const answer = await fetch(`${url}/metrics`)
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  expect(await answer.text()).toMatch(/^domovoi_tries_total 1$/m)
  expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404)
  expect((await fetch(`${url}/`)).status).toBe(404)
  await listening.close(0)
})
