import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Lru } from './lru.ts'

test('what was used longest ago goes first', () => {
  const lru = new Lru<string, number>(2)
  lru.set('a', 1)
  lru.set('b', 2)
  expect(lru.get('a')).toBe(1)
  lru.set('c', 3)
  expect([...lru.keys()]).toEqual(['a', 'c'])
  expect(lru.get('b')).toBeUndefined()
})

test('weights stay within the limit, and a value too heavy is not kept', () => {
  const lru = new Lru<string, string>(10, (value) => value.length)
  lru.set('a', 'xxxx')
  lru.set('b', 'xxxx')
  lru.set('a', 'x')
  expect(lru.weight).toBe(5)
  lru.set('c', 'x'.repeat(11))
  expect([lru.has('c'), lru.size]).toEqual([false, 2])
  lru.set('c', 'x'.repeat(10))
  expect([...lru.keys()]).toEqual(['c'])
  lru.clear()
  expect([lru.size, lru.weight]).toEqual([0, 0])
})

test('behaves like a list of the last used for any series of uses', () => {
  const step = fc.record({ key: fc.nat(6), set: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const lru = new Lru<number, number>(3)
      let model: number[] = []
      for (const { key, set } of steps) {
        const known = model.includes(key)
        if (set) lru.set(key, key)
        else expect(lru.get(key)).toBe(known ? key : undefined)
        if (set || known) model = [...model.filter((other) => other !== key), key].slice(-3)
      }
      expect([...lru.keys()]).toEqual(model)
    }),
  )
})

test('entries of a kind are taken away together, with their weight', () => {
  const lru = new Lru<string, number>(100, (value) => value)
  for (const value of [1, 2, 3, 4]) lru.set(`${value}`, value)
  lru.deleteWhere((value, key) => value > 2 && key !== '4')
  expect([...lru.keys()]).toEqual(['1', '2', '4'])
  expect(lru.weight).toBe(7)
})
