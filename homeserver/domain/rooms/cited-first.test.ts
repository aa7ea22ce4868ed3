import { expect, test } from '@jest/globals'
import type { EventId } from '../../core/ids.ts'
import { citedFirst } from './cited-first.ts'

const order = (citations: Record<EventId, EventId[]>): EventId[] =>
  citedFirst(new Map(Object.entries(citations) as [EventId, EventId[]][]))

test('cited events come before those that cite them, each once', () => {
  const told = order({ $d: ['$c', '$b'], $c: ['$a', '$elsewhere'], $b: ['$a', '$a'], $a: [] })
  expect(told.toSorted()).toEqual(['$a', '$b', '$c', '$d'])
  expect(told[0]).toBe('$a')
  expect(told[3]).toBe('$d')
})

test('who alone cites an event follows at once', () => {
  const told = order({ $create: [], $join1: ['$create'], $join2: ['$create'], $name1: ['$join1'], $name2: ['$join2'] })
  expect(told.indexOf('$name1')).toBe(told.indexOf('$join1') + 1)
  expect(told.indexOf('$name2')).toBe(told.indexOf('$join2') + 1)
})

test('of a circle, and of what rests on it, nobody is told', () => {
  expect(order({ $a: ['$b'], $b: ['$a'], $c: ['$b'], $d: [] })).toEqual(['$d'])
})
