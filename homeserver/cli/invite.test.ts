import { expect, jest, test } from '@jest/globals'
import { cli, Place, stop } from '../../test/support/program.ts'

jest.setTimeout(60_000) // starts whole processes

const isValid = async ({ url }: Place, code: string): Promise<unknown> => {
  const path = '/_matrix/client/v1/register/m.login.registration_token/validity'
  return await (await fetch(`${url}${path}?token=${code}`)).json()
}

test('makes a code that the running server knows at once', async () => {
  await using place = await Place.make()
  expect(await place.run(cli, { args: ['invite'] })).toMatchObject({ code: 1, stdout: '' })
  expect(await place.files()).toEqual([])
  const { child } = await place.start()
  const beside = await place.run(cli, { args: ['invite', '--uses', '2', '--expires', '12h'] })
  const [code = '', explanation] = beside.stdout.split('\n')
  expect(explanation).toMatch(/^Good for 2 accounts at http:\/\/localhost:\d+, until \d{4}-\d\d-\d\dT\d\d:\d\dZ$/)
  expect(beside.stdout).toMatch(new RegExp(`/i/${code}\\n$`))
  expect(await isValid(place, code)).toEqual({ valid: true })
  expect(await isValid(place, `${code}x`)).toEqual({ valid: false })

  expect((await place.run(cli, { args: ['invite', '--code', 'welcome'] })).stdout).toMatch(
    /^welcome\nGood for 1 account /,
  )
  expect(await place.run(cli, { args: ['invite', '--code', 'welcome'] })).toMatchObject({ code: 1 })
  expect(await place.run(cli, { args: ['invite', '--uses', 'no'] })).toMatchObject({ code: 64 })
  expect(await stop(child)).toBe(0)
})
