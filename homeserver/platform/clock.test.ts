import { describe, expect, test } from '@jest/globals'
import { systemClock } from './clock.ts'
import { FakeClock } from './fake-clock.ts'
import { configureLogging } from './log.ts'

describe('a clock that tests turn', () => {
  test('fires timers in the order of their moments, and those that they set', async () => {
    const clock = new FakeClock(1000)
    const fired: [string, number][] = []
    const note = (name: string) => (): void => void fired.push([name, clock.now()])
    clock.after(20, note('later'))
    clock.after(10, () => {
      note('first')()
      clock.after(5, note('set by the first'))
    })
    clock.after(10, note('second'))
    clock.after(100, note('never'))
    await clock.advance(50)
    expect(fired).toEqual([
      ['first', 1010],
      ['second', 1010],
      ['set by the first', 1015],
      ['later', 1020],
    ])
    expect([clock.now(), clock.monotonic(), clock.pending]).toEqual([1050, 50, 1])
  })

  test('steady time goes on through a jump of the wall clock', async () => {
    const clock = new FakeClock(1000)
    expect(clock.steady()).toBe(1000)
    clock.jump(-500)
    await clock.advance(10)
    expect([clock.now(), clock.steady()]).toEqual([510, 1010])
  })

  test('a cancelled timer does not fire', async () => {
    const clock = new FakeClock()
    clock.after(10, () => expect(true).toBe(false))()
    await clock.advance(20)
    expect(clock.pending).toBe(0)
  })

  test('an abort ends a sleep at once, with its reason, and leaves no timer', async () => {
    const clock = new FakeClock()
    const abort = new AbortController()
    const sleep = clock.sleep(1000, abort.signal)
    abort.abort(new Error('enough'))
    await expect(sleep).rejects.toThrow('enough')
    await expect(clock.sleep(1, abort.signal)).rejects.toThrow('enough')
    expect(clock.pending).toBe(0)
  })

  test('a periodic task waits for its last run, survives a failure and ends by its signal', async () => {
    const lines: string[] = []
    configureLogging({ write: (line) => void lines.push(line) })
    const clock = new FakeClock()
    const abort = new AbortController()
    let runs = 0
    const task = async (): Promise<void> => {
      runs += 1
      if (runs === 1) throw new Error('once')
      await clock.sleep(100)
    }
    const series = clock.every(10, 'tick', task, abort.signal)
    await clock.advance(25)
    expect(runs).toBe(2)
    await clock.advance(90)
    expect(runs).toBe(2)
    await clock.advance(20)
    expect(runs).toBe(3)
    abort.abort()
    await clock.advance(1000)
    await series
    expect(runs).toBe(3)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('periodic task failed task=tick')
    configureLogging({})
  })
})

test('the clock of the system does not fire long timers at once', async () => {
  let fired = false
  const cancel = systemClock.after(2 ** 31, () => (fired = true))
  await systemClock.sleep(5)
  cancel()
  expect(fired).toBe(false)
})
