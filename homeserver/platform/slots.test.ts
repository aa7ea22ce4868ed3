import { expect, test } from '@jest/globals'
import { NoSlotError, Slots } from './slots.ts'

/** A task that ends when it is told to. */
function task(): { run: () => Promise<void>; end: () => void; readonly started: boolean } {
  const { promise, resolve } = Promise.withResolvers<void>()
  const state = { started: false }
  const run = (): Promise<void> => {
    state.started = true
    return promise
  }
  return {
    run,
    end: resolve,
    get started() {
      return state.started
    },
  }
}

test('each key has its slots; who waits gets the next one in order', async () => {
  const slots = new Slots({ perKey: 1, maxWaiting: 2 })
  const [first, second, third, other] = [task(), task(), task(), task()]
  const running = [slots.run('a', first.run), slots.run('a', second.run), slots.run('a', third.run)]
  const elsewhere = slots.run('b', other.run)
  expect([first, second, third, other].map(({ started }) => started)).toEqual([true, false, false, true])
  await expect(slots.run('a', task().run)).rejects.toThrow(NoSlotError)
  first.end()
  await running[0]
  await Promise.resolve()
  expect([second.started, third.started]).toEqual([true, false])
  for (const { end } of [second, third, other]) end()
  await Promise.all([...running, elsewhere])
})

test('who gives up waiting never runs, and a failure passes the slot on', async () => {
  const slots = new Slots({ perKey: 1, maxWaiting: 2 })
  const giveUp = new AbortController()
  const [first, second, third] = [task(), task(), task()]
  const failing = slots.run('a', async () => {
    await first.run()
    throw new Error('failed')
  })
  const givenUp = slots.run('a', second.run, giveUp.signal)
  const last = slots.run('a', third.run)
  giveUp.abort(new Error('enough'))
  await expect(givenUp).rejects.toThrow('enough')
  first.end()
  await expect(failing).rejects.toThrow('failed')
  third.end()
  await last
  expect(second.started).toBe(false)
  await slots.run('a', () => Promise.resolve())
})
