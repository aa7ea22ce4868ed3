import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { FakeS3 } from '../../test/support/fake-s3.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { createFetcher } from '../platform/fetch.ts'
import { S3Bucket } from '../platform/s3.ts'
import { RemoteBackups } from './remote-backups.ts'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'domovoi-remote-backups-'))
})
afterEach(() => rm(directory, { recursive: true }))

async function open(s3: FakeS3, partBytes?: number): Promise<RemoteBackups> {
  const { endpoint, bucket, accessKeyId, secretAccessKey } = s3
  const options = { endpoint, bucket, accessKeyId, secretAccessKey, region: 'eu-north-1' }
  const opened = await S3Bucket.open(options, createFetcher({ deny: [], clock }))
  return new RemoteBackups({ bucket: opened, server: 'hs.test', ...(partBytes === undefined ? {} : { partBytes }) })
}

const nameOf = (day: number, server = 'hs.test'): string => `domovoi-${server}-2026010${day}T000000Z.tar.gz.sealed`

async function fileOf(name: string, content: Buffer): Promise<string> {
  await writeFile(join(directory, name), content)
  return join(directory, name)
}

test('backups go to the service and come back, and the oldest of this server go', async () => {
  await using s3 = await FakeS3.start()
  using remote = await open(s3)
  const contents = [1, 2, 3].map((day) => ({ name: nameOf(day), content: randomBytes(10_000 * day) }))
  for (const { name, content } of contents.toReversed()) {
    expect(await remote.put(await fileOf(name, content))).toBe(name)
  }
  for (const other of [nameOf(1, 'other.test'), nameOf(1, 'hs.test-2'), 'notes.txt'])
    s3.objects.set(other, Buffer.alloc(1))
  expect(await remote.list()).toEqual([nameOf(1), nameOf(2), nameOf(3)])
  expect(await remote.prune(2)).toEqual([nameOf(1)])
  expect(await remote.list()).toEqual([nameOf(2), nameOf(3)])
  expect(s3.objects.size).toBe(5)

  const place = await mkdtemp(join(directory, 'place-'))
  const path = await remote.get(nameOf(3), place)
  expect((await readFile(path)).equals(contents[2]?.content ?? Buffer.alloc(0))).toBe(true)
})

test('a large one goes in parts, and one that does not get there whole leaves nothing', async () => {
  await using s3 = await FakeS3.start()
  using remote = await open(s3, 1_000)
  const content = randomBytes(3_500)
  const path = await fileOf(nameOf(1), content)
  await remote.put(path)
  expect(s3.objects.get(nameOf(1))?.equals(content)).toBe(true)
  expect(s3.answers).toEqual(['POST 200', 'PUT 200', 'PUT 200', 'PUT 200', 'PUT 200', 'POST 200'])
  expect(s3.uploads.size).toBe(0)

  s3.objects.clear()
  s3.losesParts = true
  await expect(remote.put(path)).rejects.toThrow('S3 did not put')
  expect(s3.objects.size + s3.uploads.size).toBe(0)
})

test('what the service refuses is told, and nothing is left on the disk', async () => {
  await using s3 = await FakeS3.start()
  using remote = await open(s3)
  await expect(remote.get(nameOf(1), directory)).rejects.toThrow(`There is no s3:${nameOf(1)}`)
  await expect(remote.get('../signing.key', directory)).rejects.toThrow('is not the name of a backup')
  s3.failures = 2
  await expect(remote.list()).rejects.toThrow('S3 answers 500 to GET of the bucket')
  s3.failures = 1
  expect(await remote.list()).toEqual([])
  expect(await readdir(directory)).toEqual([])
})
