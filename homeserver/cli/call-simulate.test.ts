import { expect, test } from '@jest/globals'
import { cli, Place } from '../../test/support/program.ts'

test('call-simulate says what to do where there are no calls', async () => {
  await using place = await Place.make()
  await place.start()
  const { code, stdout, stderr } = await place.run(cli, { args: ['call-simulate'] })
  expect(stdout).toContain('FAIL  where calls go through')
  expect(stderr).toContain('npm run calls:install')
  expect(code).toBe(1)
})
