import { mkdtemp, readdir, readFile, rm, stat, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { LogFiles } from './log-files.ts'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'domovoi-log-'))
})
afterEach(() => rm(directory, { recursive: true }))

const read = (name: string): Promise<string> => readFile(join(directory, name), 'utf8')

test('errors are in a file of their own as well, for the owner alone', async () => {
  const files = new LogFiles({ directory, maxSize: 1000, keep: 2 })
  files.write('one\n', { isError: false })
  files.write('two\n', { isError: true })
  files.close()
  const again = new LogFiles({ directory, maxSize: 1000, keep: 2 })
  again.write('three\n', { isError: false })
  again.close()
  expect([await read('domovoi.log'), await read('error.log')]).toEqual(['one\ntwo\nthree\n', 'two\n'])
  expect((await stat(join(directory, 'error.log'))).mode & 0o777).toBe(0o600)
})

test('a file that has grown large is put aside, so many are kept, and no line is in two of them', async () => {
  const files = new LogFiles({ directory, maxSize: 20, keep: 2 })
  for (let n = 0; n < 9; n++) files.write(`line ${n} ä\n`, { isError: false }) // 10 bytes
  files.close()
  expect((await readdir(directory)).toSorted()).toEqual(['domovoi.log', 'domovoi.log.1', 'domovoi.log.2', 'error.log'])
  const all = (await Promise.all(['domovoi.log.2', 'domovoi.log.1', 'domovoi.log'].map(read))).join('')
  expect(all).toBe([4, 5, 6, 7, 8].map((n) => `line ${n} ä\n`).join(''))
})

test('a line that is longer than a file may be is written all the same', async () => {
  const files = new LogFiles({ directory, maxSize: 5, keep: 1 })
  files.write('a long line\n', { isError: false })
  files.write('another one\n', { isError: false })
  files.close()
  expect([await read('domovoi.log.1'), await read('domovoi.log')]).toEqual(['a long line\n', 'another one\n'])
})

test('somebody who takes the files away stops nothing', async () => {
  const files = new LogFiles({ directory, maxSize: 10, keep: 3 })
  files.write('before\n', { isError: false })
  await unlink(join(directory, 'domovoi.log'))
  files.write('after\n', { isError: false })
  files.close()
  expect(await read('domovoi.log')).toBe('after\n')
})
