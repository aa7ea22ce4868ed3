import { expect, jest, test } from '@jest/globals'
import { cli, Place, stop } from '../../test/support/program.ts'

jest.setTimeout(60_000) // starts whole processes

test('tells who has an account, beside the server', async () => {
  await using place = await Place.make()
  expect(await place.run(cli, { args: ['users'] })).toMatchObject({ code: 1, stdout: '' })
  const { child } = await place.start()
  await place.run(cli, { args: ['register-user', '--admin', 'bob'], input: 'correct horse\n' })
  await place.run(cli, { args: ['register-user', 'alice'], input: 'battery staple\n' })
  const { code, stdout } = await place.run(cli, { args: ['users'] })
  expect(code).toBe(0)
  expect(stdout).toMatch(/^@alice:localhost\t\d{4}-\d\d-\d\d\n@bob:localhost\t\d{4}-\d\d-\d\d\tadministrator\n$/)
  expect(await place.run(cli, { args: ['users', 'list'] })).toMatchObject({ code: 64 })
  expect(await stop(child)).toBe(0)
})
