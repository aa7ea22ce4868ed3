import { expect, test } from '@jest/globals'
import fc from 'fast-check'
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

type Step =
  | { readonly do: 'begin'; readonly rows: number }
  | { readonly do: 'commit' | 'rollback'; readonly which: number }
  | { readonly do: 'read'; readonly reader: number }

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('begin' as const), rows: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ do: fc.constantFrom('commit' as const, 'rollback' as const), which: fc.nat(20) }),
    fc.record({ do: fc.constant('read' as const), reader: fc.nat(2) }),
  ),
  { maxLength: 60 },
)

test('every reader meets each committed row once and in order, whenever it looks and whatever ends when (P11)', async () => {
  await using heart = await Heart.open(await freshDatabaseUrl('sqlite'))
  const { streams } = heart
  fc.assert(
    fc.property(steps, (script) => {
      const start = streams.position('receipts')
      const table: number[] = [] // what a query would find
      const open: { readonly tx: OpenTransaction; readonly rows: readonly number[] }[] = []
      const readers = [0, 1, 2].map(() => ({ upto: start, seen: [] as number[] }))
      const end = (at: number, how: 'commit' | 'rollback'): void => {
        const [ending] = open.splice(at, 1)
        if (how === 'commit') table.push(...(ending?.rows ?? []))
        ending?.tx.end(how)
      }
      const read = (reader: (typeof readers)[number]): void => {
        const upto = streams.position('receipts')
        reader.seen.push(...table.filter((id) => id > reader.upto && id <= upto).toSorted((a, b) => a - b))
        reader.upto = upto
      }
      for (const step of script) {
        if (step.do === 'begin') {
          const tx = new OpenTransaction()
          const first = streams.reserve(tx as unknown as Tx, 'receipts', step.rows, {})
          open.push({ tx, rows: Array.from({ length: step.rows }, (_, at) => first + at) })
        } else if (step.do === 'read') {
          const reader = readers[step.reader]
          if (reader) read(reader)
        } else if (open.length > 0) end(step.which % open.length, step.do)
      }
      while (open.length > 0) end(0, 'rollback')
      for (const reader of readers) {
        read(reader)
        expect(reader.seen).toEqual(table.toSorted((a, b) => a - b))
      }
    }),
  )
})
