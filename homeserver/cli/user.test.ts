import { readFile, stat } from 'node:fs/promises'
import { expect, jest, test } from '@jest/globals'
import { cli, type Ended, Place, stop } from '../../test/support/program.ts'

jest.setTimeout(300_000) // starts a dozen of processes, perhaps on a busy machine

const logIn = async ({ url }: Place, user: string, password: string): Promise<number> => {
  const body = JSON.stringify({ type: 'm.login.password', identifier: { type: 'm.id.user', user }, password })
  return (await fetch(`${url}/_matrix/client/v3/login`, { method: 'POST', body })).status
}

test('looks after accounts, beside the server and without it', async () => {
  await using place = await Place.make()
  const run = (args: string[], input = ''): Promise<Ended> => place.run(cli, { args: ['user', ...args], input })
  expect(await run(['list'])).toMatchObject({ code: 1, stdout: '' })
  const { child } = await place.start()
  await place.run(cli, { args: ['register-user', '--admin', 'bob'], input: 'correct horse\n' })
  await place.run(cli, { args: ['register-user', 'alice'], input: 'battery staple\n' })
  expect(await run(['list'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /^@alice:localhost\t\d{4}-\d\d-\d\d\n@bob:localhost\t\d{4}-\d\d-\d\d\tadministrator\n$/,
    ),
  })

  expect((await run(['lock', 'bob'])).stdout).toMatch(/^@bob:localhost is locked/)
  expect(await logIn(place, 'bob', 'correct horse')).not.toBe(200)
  expect(await run(['lock', 'nobody'])).toMatchObject({ code: 1, stderr: 'There is no such user\n' })
  expect((await run(['unlock', '@bob:localhost'])).code).toBe(0)
  expect(await logIn(place, 'bob', 'correct horse')).toBe(200)
  expect((await run(['reset-password', 'alice'], 'new staple\n')).code).toBe(0)
  expect(await logIn(place, 'alice', 'battery staple')).toBe(403)
  expect(await logIn(place, 'alice', 'new staple')).toBe(200)
  expect(await stop(child)).toBe(0)

  expect(await run(['export', 'alice', '--out', place.path('alice.json')])).toMatchObject({ code: 0 })
  expect(JSON.parse(await readFile(place.path('alice.json'), 'utf8'))).toMatchObject({ user_id: '@alice:localhost' })
  expect((await stat(place.path('alice.json'))).mode & 0o777).toBe(0o600)
  expect(await run(['erase', 'alice'])).toMatchObject({ code: 64 })
  expect((await run(['erase', '--yes', 'alice'])).stdout).toMatch(/^@alice:localhost is deactivated/)
  expect((await run(['list', '--all'])).stdout).toMatch(/@alice:localhost\t[\d-]+\tdeactivated/)
  expect(await run(['promote', 'bob'])).toMatchObject({ code: 64 })
})
