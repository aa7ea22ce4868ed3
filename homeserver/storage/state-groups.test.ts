import { expect, test } from '@jest/globals'
import { stateKeyOf } from '../core/event.ts'
import { StateGroups } from './state-groups.ts'

test('state larger than memory has room for can still be built on', () => {
  const groups = new StateGroups()
  const entries = (
    from: number,
    count: number,
  ): Map<ReturnType<typeof stateKeyOf>, { nid: number; eventId: `$${string}` }> =>
    new Map(Array.from({ length: count }, (_, n) => [stateKeyOf('t', `${from + n}`), { nid: from + n, eventId: '$e' }]))
  expect(groups.deriveNow(1, '!room:hs.test', undefined, entries(1, 250_000))).toBeDefined()
  for (let id = 2; id < 10; id++) {
    expect(groups.deriveNow(id, '!room:hs.test', id - 1, entries(300_000 + id, 1))).toBeDefined()
  }
})
