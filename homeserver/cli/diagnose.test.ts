import { expect, jest, test } from '@jest/globals'
import { cli, Place } from '../../test/support/program.ts'

jest.setTimeout(60_000) // starts whole processes

test('tells which hop to another server fails, and what mends it', async () => {
  await using place = await Place.make()
  const found = await place.run(cli, { args: ['diagnose', 'federation', '127.0.0.1:1'] })
  expect(found).toMatchObject({ code: 1 })
  expect(found.stdout).toMatch(
    /^good {2}resolve .*\ngood {2}dns .*\nBAD {3}connect .*127\.0\.0\.1:1.*\n +.*allow_ranges/,
  )
  expect(await place.run(cli, { args: ['diagnose', 'weather', 'example.org'] })).toMatchObject({ code: 64 })
})
