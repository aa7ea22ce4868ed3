/** docs/telegram-cases.md names a test for each case, and the tests are there. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

const root = new URL('../../', import.meta.url).pathname
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

interface Case {
  readonly number: number
  readonly tests: readonly { readonly path: string; readonly name: string }[]
}

const cases: readonly Case[] = [...read('docs/telegram-cases.md').matchAll(/^\| (\d+) +\|[^|]*\|([^|]*)\|$/gm)].map(
  ([, number, tests = '']) => ({
    number: Number(number),
    tests: tests.split('<br>').map((one) => {
      const [, path = '', name = ''] = /`([^`]+)`: (.+)/.exec(one.trim()) ?? []
      return { path, name: name.trim() }
    }),
  }),
)

test('all 45 cases are there, in order', () => {
  expect(cases.map(({ number }) => number)).toEqual(Array.from({ length: 45 }, (_, index) => index + 1))
})

test.each(cases)('the tests of case $number are there', ({ tests }) => {
  const missing = tests.filter(({ path, name }) => name === '' || !read(path).includes(name))
  expect(missing).toEqual([])
})
