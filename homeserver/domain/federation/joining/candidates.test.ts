import { expect, test } from '@jest/globals'
import { forbidden, MatrixError, notFound, refuse } from '../../../core/errors.ts'
import { candidatesFrom, firstThatCan } from './candidates.ts'

test('servers are asked once each, never ourselves, and not too many', () => {
  const names = ['hs.test', 'a.test', 'not a server', 'b.test', 'a.test', undefined]
  expect(candidatesFrom('hs.test', names)).toEqual(['a.test', 'b.test'])
  expect(
    candidatesFrom(
      'hs.test',
      Array.from({ length: 99 }, (_, i) => `s${i}.test`),
    ),
  ).toHaveLength(10)
})

test('the first that can is enough', async () => {
  const asked: string[] = []
  const result = await firstThatCan(['a', 'b', 'c'], (server) => {
    asked.push(server)
    return server === 'b' ? Promise.resolve(server) : Promise.reject(notFound('No such room'))
  })
  expect(result).toBe('b')
  expect(asked).toEqual(['a', 'b'])
})

test('who keeps somebody out tells more than who cannot say', async () => {
  const refusals = [
    new MatrixError(502, 'M_UNKNOWN', 'down'),
    notFound('No such room'),
    refuse(400, 'M_UNABLE_TO_GRANT_JOIN', 'Ask others'),
    forbidden('You are banned'),
    forbidden('You are not invited'),
  ]
  const ask = (server: string): Promise<never> => Promise.reject(refusals[Number(server)] ?? new Error('nobody asked'))
  await expect(firstThatCan(['0', '1', '2', '3', '4'], ask)).rejects.toThrow('You are banned')
  await expect(firstThatCan(['0', '1', '2'], ask)).rejects.toThrow('Ask others')
  await expect(firstThatCan(['0', '1'], ask)).rejects.toThrow('No such room')
  await expect(firstThatCan([], ask)).rejects.toMatchObject({ status: 404, errcode: 'M_NOT_FOUND' })
})
