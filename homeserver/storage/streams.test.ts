import { expect, test } from '@jest/globals'
import { freshDatabaseUrl } from '../../test/support/databases.ts'
import { Heart } from '../../test/support/heart.ts'
import type { Bell } from '../platform/bus.ts'
import type { Tx } from './database.ts'

/** A transaction as far as streams see it, which ends when the test says so. */
class OpenTransaction implements Pick<Tx, 'onCommit' | 'onRollback'> {
  readonly #hooks = { commit: [] as (() => void)[], rollback: [] as (() => void)[] }

  onCommit(fn: () => void): void {
    this.#hooks.commit.push(fn)
  }

  onRollback(fn: () => void): void {
    this.#hooks.rollback.push(fn)
  }

  end(how: 'commit' | 'rollback'): void {
    for (const fn of this.#hooks[how]) fn()
  }
}

test('what was rolled back is never told, whichever transaction ends first', async () => {
  await using heart = await Heart.open(await freshDatabaseUrl('sqlite'))
  const { bus, streams } = heart
  const bells: Bell[] = []
  bus.subscribe((bell) => bells.push(bell))
  const begin = (payload: string): OpenTransaction => {
    const tx = new OpenTransaction()
    streams.reserve(tx as unknown as Tx, 'receipts', 1, { users: [payload] }, payload)
    return tx
  }
  const [first, second, third] = [begin('first'), begin('second'), begin('third')]
  third.end('commit')
  second.end('rollback')
  expect(streams.position('receipts')).toBe(0)
  first.end('commit')
  expect(streams.position('receipts')).toBe(3)
  expect(bells.map(({ position, payload }) => [position, payload])).toEqual([
    [1, 'first'],
    [2, undefined],
    [3, 'third'],
  ])
  expect(bells[1]?.keys).toEqual({})
})
