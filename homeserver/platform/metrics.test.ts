import { expect, test } from '@jest/globals'
import { Metrics } from './metrics.ts'
import { collectProcessMetrics } from './process-metrics.ts'

test('the text is what Prometheus reads', () => {
  const metrics = new Metrics('x_')
  const plain = metrics.counter('plain_total', 'Without labels')
  const requests = metrics.counter('requests_total', 'Requests\nby method', ['method', 'code'])
  const queue = metrics.gauge('queue', 'Length')
  const seconds = metrics.histogram('seconds', 'Time', ['route'], [0.1, 1])
  metrics.observed('rooms', 'Rooms', 'gauge', () => 3)
  plain.inc()
  requests.inc({ method: 'GET', code: '200' })
  requests.add(2, { code: '200', method: 'GET' })
  requests.inc({ method: 'a"b\\\n', code: '500' })
  queue.set(5)
  queue.add(-2)
  for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value, { route: '/sync' })
  expect(metrics.text()).toBe(`# HELP x_plain_total Without labels
# TYPE x_plain_total counter
x_plain_total 1
# HELP x_requests_total Requests\\nby method
# TYPE x_requests_total counter
x_requests_total{method="GET",code="200"} 3
x_requests_total{method="a\\"b\\\\\\n",code="500"} 1
# HELP x_queue Length
# TYPE x_queue gauge
x_queue 3
# HELP x_seconds Time
# TYPE x_seconds histogram
x_seconds_bucket{route="/sync",le="0.1"} 2
x_seconds_bucket{route="/sync",le="1"} 3
x_seconds_bucket{route="/sync",le="+Inf"} 4
x_seconds_sum{route="/sync"} 7.65
x_seconds_count{route="/sync"} 4
# HELP x_rooms Rooms
# TYPE x_rooms gauge
x_rooms 3
`)
})

test('label values without bound do not make series without bound', () => {
  const metrics = new Metrics()
  const counter = metrics.counter('peers_total', 'Peers', ['peer'])
  for (let i = 0; i < 2000; i += 1) counter.inc({ peer: `p${i}` })
  const lines = metrics.text().split('\n')
  expect(lines.length).toBeLessThan(510)
  expect(lines).toContain('domovoi_peers_total{peer="other"} 1500')
})

test('a name is registered once', () => {
  const metrics = new Metrics()
  metrics.counter('a', '')
  expect(() => metrics.gauge('a', '')).toThrow('The metric domovoi_a exists already')
})

test('the process is measured', () => {
  const metrics = new Metrics()
  const stop = collectProcessMetrics(metrics)
  const text = metrics.text()
  stop()
  expect(text).toMatch(/domovoi_process_resident_memory_bytes \d{6,}/)
  expect(text).toMatch(/domovoi_process_cpu_seconds_total \d/)
  expect(text).toMatch(/domovoi_event_loop_lag_p99_seconds \d/)
})
