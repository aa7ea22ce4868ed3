import { expect, jest, test } from '@jest/globals'
import { cli, type Ended, Place, stop } from '../../test/support/program.ts'

jest.setTimeout(60_000) // starts whole processes

async function logIn({ url }: Place, user: string, password: string): Promise<number> {
  const body = JSON.stringify({ type: 'm.login.password', identifier: { type: 'm.id.user', user }, password })
  return (await fetch(`${url}/_matrix/client/v3/login`, { method: 'POST', body })).status
}

test('makes accounts that can log in, beside the server and without it', async () => {
  await using place = await Place.make()
  const register = (args: string[], password: string): Promise<Ended> =>
    place.run(cli, { args: ['register-user', ...args], input: `${password}\n` })

  const server = await place.start()
  const beside = await register(['--admin', 'alice'], 'correct horse')
  expect(beside).toEqual({ code: 0, stdout: '@alice:localhost can log in, and is an administrator\n', stderr: '' })
  expect(await logIn(place, 'alice', 'correct horse')).toBe(200)
  expect(await register(['alice'], 'another')).toMatchObject({ code: 1, stdout: '' })
  expect(await stop(server.child)).toBe(0)

  const without = await register(['bob'], 'battery staple')
  expect(without).toEqual({ code: 0, stdout: '@bob:localhost can log in\n', stderr: '' })
  const again = await place.start()
  expect(await logIn(place, 'bob', 'battery staple')).toBe(200)
  expect(await logIn(place, 'bob', 'wrong')).toBe(403)
  expect(await stop(again.child)).toBe(0)
})
