import { expect, test } from '@jest/globals'
import { ReadCache } from './read-cache.ts'

const never = (): never => {
  throw new Error('it is known')
}

test('what was read once is known, until there is news of it', async () => {
  const cache = new ReadCache<string, number>(10)
  expect(await cache.of('a', () => Promise.resolve(1))).toBe(1)
  expect(await cache.of('a', never)).toBe(1)
  cache.drop(['a'])
  expect(await cache.of('a', () => Promise.resolve(2))).toBe(2)
  cache.set('a', 3)
  expect(await cache.of('a', never)).toBe(3)
})

test('of a list only what is missing is read, and what is not there is asked for again', async () => {
  const cache = new ReadCache<string, number>(10)
  cache.set('a', 1)
  const asked: string[][] = []
  const read = (missing: string[]) => {
    asked.push(missing)
    return Promise.resolve([['b', 2]] as const)
  }
  expect([...(await cache.list(['a', 'b', 'c'], read))]).toEqual([['a', 1], ['b', 2]]) // prettier-ignore
  await cache.list(['b', 'c'], read)
  expect(asked).toEqual([['b', 'c'], ['c']])
})

test.each([
  ['that drop something else', (cache: ReadCache<string, number>) => cache.drop(['b'])],
  ['that bring it', (cache: ReadCache<string, number>) => cache.set('a', 2)],
  ['of something that is not known', (cache: ReadCache<string, number>) => cache.overtake()],
  ['of whatever', (cache: ReadCache<string, number>) => cache.clear()],
])('what was overtaken by news %s is given and not kept', async (_, news) => {
  const cache = new ReadCache<string, number>(10)
  const reading = Promise.withResolvers<number>()
  const given = cache.of('a', () => reading.promise)
  news(cache)
  reading.resolve(1)
  expect(await given).toBe(1)
  expect(cache.get('a')).not.toBe(1)
})
