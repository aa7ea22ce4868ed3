import { readFile, writeFile } from 'node:fs/promises'
import { expect, jest, test } from '@jest/globals'
import { cli, Place, stop } from '../../test/support/program.ts'

jest.setTimeout(300_000) // starts whole processes, perhaps on a busy machine

test('a backup is made beside the server, proved, and put back where nothing is', async () => {
  await using place = await Place.make()
  await using other = await Place.make()
  expect(await place.run(cli, { args: ['backup'] })).toMatchObject({ code: 1, stdout: '' })
  await writeFile(place.path('config.yaml'), 'server_name: hs.test\nbackup: { keep: 1, passphrase: correct horse }\n')
  const { child } = await place.start()
  const made = await place.run(cli, { args: ['backup'] })
  expect(made).toMatchObject({ code: 0, stderr: '' })
  const [path = ''] = made.stdout.split('\n')
  expect(path).toMatch(/^data\/backups\/domovoi-hs\.test-\d{8}T\d{6}Z\.tar\.gz\.sealed$/)
  expect(await stop(child)).toBe(0)
  expect((await place.run(cli, { args: ['backup', 'list'] })).stdout).toBe(`${path}\n`)
  expect((await place.run(cli, { args: ['backup', 'verify', path] })).stdout).toMatch(
    / is good: hs\.test as it was at /,
  )
  expect(await place.run(cli, { args: ['restore', '--yes', path] })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('There is a server in ./data already'),
  })

  const file = place.path(path)
  expect(await other.run(cli, { args: ['restore', file], input: 'correct horse\n' })).toMatchObject({ code: 64 })
  expect(await other.run(cli, { args: ['restore', '--yes', file], input: 'guess\n' })).toMatchObject({ code: 1 })
  const restored = await other.run(cli, { args: ['restore', '--yes', file], input: 'correct horse\n' })
  expect(restored).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^hs\.test as it was/),
  })
  expect(await readFile(other.path('data/signing.key'), 'utf8')).toBe(
    await readFile(place.path('data/signing.key'), 'utf8'),
  )
  expect(await stop((await other.start()).child)).toBe(0)
})
