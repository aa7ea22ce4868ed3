import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { Heap } from './heap.ts'

test('a heap gives out in order what was put in, whenever it was put in', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.array(fc.integer()), (first, later) => {
      const heap = new Heap<number>((a, b) => a < b)
      for (const item of first) heap.push(item)
      const least = heap.pop()
      for (const item of later) heap.push(item)
      const rest: number[] = []
      for (let item = heap.pop(); item !== undefined; item = heap.pop()) rest.push(item)
      const [expected, ...others] = first.toSorted((a, b) => a - b)
      expect(least).toBe(expected)
      expect(rest).toEqual([...others, ...later].toSorted((a, b) => a - b))
    }),
  )
})
