import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, jest, test } from '@jest/globals'
import { elementBuild } from '../../test/support/element-build.ts'
import { cli, Place } from '../../test/support/program.ts'
import { elementRelease } from '../config/element/release.ts'

jest.setTimeout(120_000) // starts whole processes

/** A mirror on this machine, that sends people on once as GitHub does. */
async function startMirror(archive: Buffer) {
  const server = createServer((request, response) => {
    if (request.url === '/element.tar.gz') response.writeHead(302, { location: '/store/1' }).end()
    else if (request.url === '/store/1') response.end(archive)
    else response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // a listening server has one
  return { url, [Symbol.dispose]: () => void server.close() }
}

test('Element Web is brought from a mirror or a file, if it is what it should be', async () => {
  await using place = await Place.make()
  const { archive, sha256 } = await elementBuild()
  using mirror = await startMirror(archive)
  const run = (...args: string[]) => place.run(cli, { args: ['element-fetch', ...args] })
  const from = `${mirror.url}/element.tar.gz`

  expect(await run('--from', from)).toMatchObject({ code: 1, stderr: expect.stringContaining(`SHA-256 is ${sha256}`) })
  expect(await readdir(place.path('data'))).toEqual([])
  expect(await run('--from', `${mirror.url}/none`, '--sha256', sha256)).toMatchObject({
    code: 1,
    stderr: `${mirror.url}/none answers 404\n`,
  })
  expect(await run('--from', 'nowhere.tar.gz', '--sha256', sha256)).toMatchObject({ code: 1 })
  expect(await run('--sha256', sha256)).toMatchObject({ code: 64 })

  expect((await run('--from', from, '--sha256', sha256)).stdout).toContain('Element Web 9.9.9 is in data/element')
  expect(await readdir(place.path('data'))).toEqual(['element'])
  const bundle = place.path('data/element/bundles/0123456789abcdef')
  expect(await readdir(bundle)).toEqual(['bundle.js'])

  // What is there stays until another one is whole.
  await writeFile(place.path('bad.tar.gz'), 'nonsense')
  expect(await run('--from', place.path('bad.tar.gz'))).toMatchObject({ code: 1 })
  expect(await readFile(place.path('data/element/version'), 'utf8')).toBe('9.9.9')
  const next = await elementBuild({ version: '9.9.10', 'index.html': 'next' })
  await writeFile(place.path('next.tar.gz'), next.archive)
  expect(await run('--from', place.path('next.tar.gz'), '--sha256', next.sha256)).toMatchObject({ code: 0 })
  expect((await readdir(place.path('data/element'))).toSorted()).toEqual(['index.html', 'version'])
})

test('the pinned release is not brought twice', async () => {
  await using place = await Place.make()
  await mkdir(place.path('data/element'), { recursive: true })
  await writeFile(place.path('data/element/version'), `${elementRelease.version}\n`)
  expect((await place.run(cli, { args: ['element-fetch'] })).stdout).toBe(
    `Element Web ${elementRelease.version} is in data/element already\n`,
  )
})
