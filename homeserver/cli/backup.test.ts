import { readdir, readFile, writeFile } from 'node:fs/promises'
import { expect, jest, test } from '@jest/globals'
import { FakeS3 } from '../../test/support/fake-s3.ts'
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

test('a backup goes to S3 as well, is proved there, and comes back to a new machine', async () => {
  await using s3 = await FakeS3.start()
  await using place = await Place.make()
  await using other = await Place.make()
  const { endpoint, bucket, accessKeyId, secretAccessKey } = s3
  const access = `access_key_id: ${accessKeyId}, secret_access_key: ${secretAccessKey}`
  const settings = `{ keep: 2, s3: { endpoint: '${endpoint}', region: eu-north-1, bucket: ${bucket}, ${access} } }`
  await writeFile(place.path('config.yaml'), `server_name: hs.test\nbackup: ${settings}\n`)
  expect(await stop((await place.start()).child)).toBe(0)

  s3.failures = 2 // it is not there at first
  expect(await place.run(cli, { args: ['backup'] })).toMatchObject({ code: 1, stderr: expect.stringContaining('S3') })
  expect(s3.objects.size).toBe(0)
  const early = (await readdir(place.path('data/backups')))[0] ?? ''
  const made = await place.run(cli, { args: ['backup'] })
  expect(made).toMatchObject({ code: 0, stderr: '' })
  const named = made.stdout.split('\n').filter((line) => line.startsWith('s3:'))
  expect(named).toContain(`s3:${early}`)
  const last = named.at(-1) ?? ''
  expect((await place.run(cli, { args: ['backup', 'list'] })).stdout).toContain(`${last}\n`)
  expect((await place.run(cli, { args: ['backup', 'verify', last] })).stdout).toContain(`${last} is good: hs.test`)
  expect((await readdir(place.path('data/backups'))).every((name) => !name.startsWith('.'))).toBe(true)

  const env = {
    DOMOVOI_BACKUP__S3__ENDPOINT: endpoint,
    DOMOVOI_BACKUP__S3__REGION: 'eu-north-1',
    DOMOVOI_BACKUP__S3__BUCKET: bucket,
    DOMOVOI_BACKUP__S3__ACCESS_KEY_ID: accessKeyId,
    DOMOVOI_BACKUP__S3__SECRET_ACCESS_KEY: secretAccessKey,
  }
  const absent = 's3:domovoi-hs.test-20200101T000000Z.tar.gz'
  expect(await other.run(cli, { args: ['restore', '--yes', absent], env })).toMatchObject({
    code: 1,
    stderr: `There is no ${absent}\n`,
  })
  expect(await other.run(cli, { args: ['restore', '--yes', last], env })).toMatchObject({ code: 0, stderr: '' })
  expect(await readFile(other.path('data/signing.key'), 'utf8')).toBe(
    await readFile(place.path('data/signing.key'), 'utf8'),
  )
  expect(await stop((await other.start()).child)).toBe(0)
})
