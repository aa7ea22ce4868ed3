import { expect, test } from '@jest/globals'
import { FakeClock } from './fake-clock.ts'
import { KeyedLock } from './keyed-lock.ts'
import { Metrics } from './metrics.ts'

const gate = (): { open: () => void; opened: Promise<void> } => {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { open: resolve, opened: promise }
}

test('one at a time per key, in the order of asking, and keys do not hinder each other', async () => {
  const lock = new KeyedLock({ name: 'test' })
  const order: string[] = []
  let inside = 0
  const enter = (key: string, name: string): Promise<void> =>
    lock.run(key, async () => {
      inside += key === 'a' ? 1 : 0
      expect(inside).toBeLessThan(2)
      order.push(name)
      await Promise.resolve()
      inside -= key === 'a' ? 1 : 0
    })
  await Promise.all([enter('a', 'a1'), enter('a', 'a2'), enter('b', 'b1'), enter('a', 'a3')])
  expect(order).toEqual(['a1', 'b1', 'a2', 'a3'])
  expect(lock.size).toBe(0)
})

test('gives what the function gives, and is free again after it throws', async () => {
  const lock = new KeyedLock({ name: 'test' })
  await expect(lock.run('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  await expect(lock.run('a', () => 7)).resolves.toBe(7)
})

test('an abort while waiting gives up the place, and the next in line still gets its turn', async () => {
  const lock = new KeyedLock({ name: 'test' })
  const { open, opened } = gate()
  const abort = new AbortController()
  const first = lock.run('a', () => opened)
  const second = lock.run('a', () => 'never', abort.signal)
  const third = lock.run('a', () => 'third')
  abort.abort(new Error('gone'))
  await expect(second).rejects.toThrow('gone')
  open()
  await first
  await expect(third).resolves.toBe('third')
  expect(lock.isHeld('a')).toBe(false)
  await expect(lock.run('a', () => 1, abort.signal)).rejects.toThrow('gone')
})

test('a turn that does not come in time is an error and is counted', async () => {
  const clock = new FakeClock()
  const metrics = new Metrics('')
  const lock = new KeyedLock({
    name: 'room',
    clock,
    timeouts: metrics.counter('lock_timeouts_total', 'Waits given up'),
  })
  const { open, opened } = gate()
  const first = lock.run('a', () => opened)
  const late = lock.run('a', () => 1).catch((error: unknown) => error)
  await clock.advance(60_000)
  expect(await late).toMatchObject({ name: 'LockTimeoutError', message: 'Waited 60000 ms for room a' })
  expect(metrics.text()).toContain('lock_timeouts_total 1')
  open()
  await first
  expect(clock.pending).toBe(0)
})

test('no error tells a key that is a secret', async () => {
  const clock = new FakeClock()
  const lock = new KeyedLock({ name: 'something', clock, hidesKeys: true })
  const { open, opened } = gate()
  const first = lock.run('a secret', () => opened)
  const late = lock.run('a secret', () => 1).catch((error: unknown) => error)
  await clock.advance(60_000)
  expect(await late).toMatchObject({ message: 'Waited 60000 ms for something' })
  open()
  await first
})

test('500 wait for one key without a tick of work in between', async () => {
  const clock = new FakeClock()
  const lock = new KeyedLock({ name: 'room', clock })
  let done = 0
  const all = Array.from({ length: 500 }, () => lock.run('a', () => void (done += 1)))
  await Promise.all(all)
  expect([done, clock.pending]).toEqual([500, 0])
})
