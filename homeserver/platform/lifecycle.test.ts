import { AsyncLocalStorage } from 'node:async_hooks'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { FakeClock } from './fake-clock.ts'
import { Background, type Service, Supervisor } from './lifecycle.ts'
import { configureLogging, currentRequest, withRequest } from './log.ts'
import { Metrics } from './metrics.ts'

beforeAll(() => configureLogging({ level: 'off' }))
afterAll(() => configureLogging({}))

describe('Supervisor', () => {
  const recorder = (events: string[], name: string, more: Partial<Service> = {}): Service => ({
    name,
    start: async () => void events.push(`start ${name}`),
    stop: async () => void events.push(`stop ${name}`),
    ...more,
  })

  test('starts in order, stops in reverse, and aborts the signal of a service before it stops', async () => {
    const events: string[] = []
    const supervisor = new Supervisor()
    const watcher = recorder(events, 'b', {
      start: async (signal) => signal.addEventListener('abort', () => events.push('abort b')),
    })
    await supervisor.start([recorder(events, 'a'), watcher, { name: 'nothing to do' }])
    await supervisor.stop()
    expect(events).toEqual(['start a', 'abort b', 'stop b', 'stop a'])
  })

  test('stops what had started when one does not start', async () => {
    const events: string[] = []
    const broken = recorder(events, 'b', { start: () => Promise.reject(new Error('port in use')) })
    const start = new Supervisor().start([recorder(events, 'a'), broken, recorder(events, 'c')])
    await expect(start).rejects.toMatchObject({ message: 'b did not start', cause: { message: 'port in use' } })
    expect(events).toEqual(['start a', 'stop b', 'stop a'])
  })

  test('leaves a service behind that does not stop in time, or fails to', async () => {
    const events: string[] = []
    const clock = new FakeClock()
    const supervisor = new Supervisor({ clock, deadlineMs: 100 })
    const stuck = recorder(events, 'stuck', { stop: () => new Promise(() => undefined) })
    const failing = recorder(events, 'failing', { stop: () => Promise.reject(new Error('no')) })
    await supervisor.start([recorder(events, 'a'), stuck, failing])
    const stopped = supervisor.stop()
    await clock.advance(100)
    await stopped
    expect(events.at(-1)).toBe('stop a')
    expect(clock.pending).toBe(0)
  })
})

describe('Background', () => {
  test('runs a bounded number at once, and settles when tasks started by tasks are done too', async () => {
    const clock = new FakeClock()
    const background = new Background({ concurrency: 2 })
    let active = 0
    let most = 0
    let done = 0
    const task = async (): Promise<void> => {
      active += 1
      most = Math.max(most, active)
      await clock.sleep(10)
      active -= 1
      done += 1
    }
    for (let i = 0; i < 5; i += 1) background.run('task', task)
    background.run('parent', () => background.run('child', task))
    const settled = background.settle()
    await clock.advance(100)
    await settled
    expect([most, done]).toEqual([2, 6])
    await background.settle()
  })

  test('counts what failed and what was refused', async () => {
    const metrics = new Metrics('')
    const finished = metrics.counter('tasks_total', 'Tasks', ['task', 'result'])
    const background = new Background({ concurrency: 1, maxWaiting: 1, finished })
    background.run('good', () => Promise.resolve())
    background.run('bad', () => {
      throw new Error('bad')
    })
    background.run('too much', () => undefined)
    await background.settle()
    const text = metrics.text()
    expect(text).toContain('tasks_total{task="good",result="ok"} 1')
    expect(text).toContain('tasks_total{task="bad",result="failed"} 1')
    expect(text).toContain('tasks_total{task="too much",result="refused"} 1')
  })

  test('keeps the request id, but not the rest of where it was started', async () => {
    const transaction = new AsyncLocalStorage<string>()
    const background = new Background()
    const seen: unknown[] = []
    transaction.run('tx', () =>
      withRequest('r1', () => background.run('task', () => void seen.push(transaction.getStore(), currentRequest()))),
    )
    await background.settle()
    expect(seen).toEqual([undefined, 'r1'])
  })

  test('stopping waits for what runs, then asks it to end, and takes nothing new', async () => {
    const clock = new FakeClock()
    const background = new Background({ clock, graceMs: 100 })
    const events: string[] = []
    background.run('short', async () => {
      await clock.sleep(50)
      events.push('short ends')
    })
    background.run('endless', (signal) => clock.sleep(1e9, signal))
    const stopped = background.stop().then(() => events.push('stopped'))
    background.run('late', () => events.push('never'))
    await clock.advance(60)
    expect(events).toEqual(['short ends'])
    await clock.advance(60)
    await stopped
    expect(events).toEqual(['short ends', 'stopped'])
  })
})
