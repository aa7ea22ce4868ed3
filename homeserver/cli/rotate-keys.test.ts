import { readFile, stat } from 'node:fs/promises'
import { expect, jest, test } from '@jest/globals'
import { cli, Place, stop } from '../../test/support/program.ts'

jest.setTimeout(60_000) // starts whole processes

test('T26, T27: the next start signs with a new key and shows the old one as old', async () => {
  await using place = await Place.make()
  const env = { DOMOVOI_SERVER_NAME: 'hs.test', DOMOVOI_FEDERATION__MODE: 'open' }
  expect(await place.run(cli, { args: ['rotate-keys'], env })).toMatchObject({ code: 1, stdout: '' })
  const keysOf = async (): Promise<Record<string, Record<string, object>>> =>
    (await (await fetch(`${place.url}/_matrix/key/v2/server`)).json()) as never
  const first = await place.start({ env })
  const before = await keysOf()
  const [oldId = ''] = Object.keys(before['verify_keys'] ?? {})

  const rotated = await place.run(cli, { args: ['rotate-keys'], env })
  const [newId = ''] = rotated.stdout.split('\n')
  expect(newId).toMatch(/^ed25519:a_\w{4}$/)
  expect(Object.keys((await keysOf())['verify_keys'] ?? {})).toEqual([oldId])
  expect(await stop(first.child)).toBe(0)

  const file = place.path('data/signing.key')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect((await readFile(file, 'utf8')).trim().split('\n')).toHaveLength(2)
  const second = await place.start({ env })
  const after = await keysOf()
  expect(Object.keys(after['verify_keys'] ?? {})).toEqual([newId])
  expect(after['old_verify_keys']).toEqual({
    [oldId]: { ...before['verify_keys']?.[oldId], expired_ts: expect.any(Number) },
  })
  expect(await stop(second.child)).toBe(0)
})
