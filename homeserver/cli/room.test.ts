import { expect, jest, test } from '@jest/globals'
import { cli, type Ended, Place, stop } from '../../test/support/program.ts'

jest.setTimeout(300_000) // starts whole processes, perhaps on a busy machine

test('rooms are listed and closed, old files removed, beside the server and without it', async () => {
  await using place = await Place.make()
  const run = (...args: string[]): Promise<Ended> => place.run(cli, { args })
  const { child } = await place.start()
  await place.run(cli, { args: ['register-user', 'alice'], input: 'correct horse\n' })
  const call = async (method: string, path: string, body: object, token?: string) => {
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` }
    const response = await fetch(`${place.url}${path}`, { method, headers, body: JSON.stringify(body) })
    return (await response.json()) as Record<string, string>
  }
  const identifier = { type: 'm.id.user', user: 'alice' }
  const login = { type: 'm.login.password', identifier, password: 'correct horse' }
  const { access_token: token } = await call('POST', '/_matrix/client/v3/login', login)
  const made = { name: 'Kitchen', room_alias_name: 'kitchen' }
  const { room_id: roomId } = await call('POST', '/_matrix/client/v3/createRoom', made, token)
  await call('POST', '/_matrix/media/v3/upload', { a: 'file' }, token)

  expect((await run('room', 'list', 'kitch')).stdout).toBe(`${roomId}\t1 of 1\t#kitchen:localhost\n`)
  expect((await run('room', 'state', '#kitchen:localhost')).stdout).toContain('They do not disagree about the state')
  expect(await run('room', 'state', '#kitchen:localhost', '--yes')).toMatchObject({ code: 64 })
  expect(await run('room', 'state', '#kitchen:localhost', '--from', 'other.test')).toMatchObject({
    code: 1,
    stderr: 'This server does not talk to other servers\n',
  })
  expect(await run('room', 'delete', '#kitchen:localhost')).toMatchObject({ code: 64 })
  expect((await run('room', 'delete', '#kitchen:localhost', '--yes')).stdout).toBe(
    `${roomId} is closed: 1 people are out\n`,
  )
  expect(await stop(child)).toBe(0)
  expect((await run('room', 'list')).stdout).toBe(`${roomId}\t0 of 0\t#kitchen:localhost\n`)
  expect((await run('media', 'purge', '--local', '--older', '0s', '--yes')).stdout).toBe('1 files removed\n')
  expect(await run('media', 'purge', '--older', '1d', '--yes')).toMatchObject({ code: 64 })
  expect(await run('media', 'purge', '--remote', '--older', '1x', '--yes')).toMatchObject({ code: 64 })
})
