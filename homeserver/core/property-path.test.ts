import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parsePropertyPath, valueAt } from './property-path.ts'

test('a path names properties, with dots and backslashes escaped', () => {
  const examples: [string, string[]][] = [
    ['content.body', ['content', 'body']],
    ['content.m\\.mentions.user_ids', ['content', 'm.mentions', 'user_ids']],
    ['content.m\\\\foo', ['content', 'm\\foo']],
    ['a\\x.b\\', ['a\\x', 'b\\']],
    ['', ['']],
    ['a..b', ['a', '', 'b']],
  ]
  for (const [path, names] of examples) expect(parsePropertyPath(path)).toEqual(names)
})

test('every list of names can be written as a path', () => {
  const name = fc.string({ unit: fc.constantFrom('a', '.', '\\', 'é') })
  fc.assert(
    fc.property(fc.array(name, { minLength: 1 }), (names) => {
      const path = names.map((text) => text.replace(/[\\.]/g, '\\$&')).join('.')
      expect(parsePropertyPath(path)).toEqual(names)
    }),
  )
})

test('only own properties of objects are found', () => {
  const event = { content: { list: ['x'], n: null, deep: { x: 1 } } }
  const at = (path: string): unknown => valueAt(event, parsePropertyPath(path))
  expect([at('content.deep.x'), at('content.n')]).toEqual([1, null])
  expect(['content.list.0', 'content.list.length', 'content.toString', 'content.n.x', 'missing'].map(at)).toEqual(
    Array.from({ length: 5 }, () => undefined),
  )
})
