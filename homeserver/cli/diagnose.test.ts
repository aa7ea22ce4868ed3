import { writeFile } from 'node:fs/promises'
import { expect, jest, test } from '@jest/globals'
import { cli, Place } from '../../test/support/program.ts'

jest.setTimeout(300_000) // starts whole processes, perhaps on a busy machine

test('tells which hop to another server fails, and what mends it', async () => {
  await using place = await Place.make()
  const found = await place.run(cli, { args: ['diagnose', 'federation', '127.0.0.1:1'] })
  expect(found).toMatchObject({ code: 1 })
  expect(found.stdout).toMatch(
    /^good {2}resolve .*\ngood {2}dns .*\nBAD {3}connect .*127\.0\.0\.1:1.*\n +.*allow_ranges/,
  )
  expect(await place.run(cli, { args: ['diagnose', 'weather', 'example.org'] })).toMatchObject({ code: 64 })
})

test('looks at everything around the server, for people and for programs', async () => {
  await using place = await Place.make()
  const run = (...args: string[]) => place.run(cli, { args: ['diagnose', ...args] })
  const before = await run()
  expect(before).toMatchObject({ code: 2, stderr: expect.stringMatching(/^\d to mend, \d to think about\n$/) })
  expect(before.stdout).toMatch(/^FAIL {2}files {6}There is no \.\/data\n {17}npm start makes it$/m)

  const { child } = await place.start()
  const findings = JSON.parse((await run('--json')).stdout) as { area: string; level: string }[]
  expect(findings).toContainEqual(expect.objectContaining({ area: 'database', level: 'good' }))
  expect(findings).toContainEqual(expect.objectContaining({ area: 'server', level: 'good' }))
  child.kill('SIGKILL')
  await writeFile(place.path('bad.yaml'), 'presense: off\n')
  expect((await run('-c', 'bad.yaml')).stdout).toMatch(/^FAIL {2}config .*did you mean presence/)
})
