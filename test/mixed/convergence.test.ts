/**
 * P10: two servers of ours and a Synapse, whose people write in one room while connections break and servers are
 * restarted, end with the same state and the same forward extremities.
 *
 * MIXED_EVENTS makes it longer, MIXED_SEED lets chance choose otherwise; who is faster is up to the machine.
 */
import { describe, expect, test } from '@jest/globals'
import { forEachDatabase } from '../support/databases.ts'
import { missingPrograms, startMixed } from '../support/mixed.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { Turmoil } from './turmoil.ts'
import { whyNot } from './two-sides.ts'

const describeMixed = missingPrograms.length === 0 ? describe : describe.skip

const length = Number(process.env['MIXED_EVENTS'] ?? 100)
const seed = Number(process.env['MIXED_SEED'] ?? 1)
/** Synapse is slow to start, so Postgres has to do with one. */
const versions = { sqlite: ['10', '12'], postgres: ['12'] }

describeMixed(`beside Synapse${whyNot}`, () => {
  forEachDatabase(({ dialect }) => {
    test.each(versions[dialect])(
      `P10: servers agree on a room of version %s after drops, restarts and forks (seed ${seed})`,
      async (roomVersion) => {
        await using world = await startMixed(2, dialect)
        const random = new SeededRandom(seed)
        const [one, two] = world.ours
        if (!one || !two) throw new Error('no servers')
        const homes = roomVersion === '12' ? ([one, world.synapse, two] as const) : ([world.synapse, one, two] as const)
        const turmoil = await Turmoil.begin({ homes, roomVersion, random })
        const restarts = [one, world.synapse, two]
        for (let part = 1; part <= restarts.length; part++) {
          while (turmoil.count.taken < (length * part) / restarts.length) await turmoil.round()
          const next = restarts[part - 1]
          if (next) await turmoil.restart(next)
        }
        await turmoil.calmDown()

        const [extremities, ...otherExtremities] = await turmoil.extremities()
        for (const other of otherExtremities) expect(other).toEqual(extremities)
        const [state, ...otherStates] = await turmoil.states()
        for (const other of otherStates) expect(other).toEqual(state)
        expect(await turmoil.missing()).toEqual([])
      },
      180_000 + length * 1_000, // for slow machines
    )
  })
})
