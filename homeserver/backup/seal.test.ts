import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { expect, test } from '@jest/globals'
import { isSealed, seal, unseal } from './seal.ts'
import { end, header, padding, readTar } from './tar.ts'

async function* pieces(bytes: Buffer, size = 30_000): AsyncGenerator<Buffer, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const all = (source: AsyncIterable<Buffer>): Promise<Buffer> => buffer(source)

test.each([0, 1, 64 * 1024, 64 * 1024 + 1, 200_000])('%i bytes come out as they went in', async (length) => {
  const bytes = randomBytes(length)
  const sealed = await all(seal(pieces(bytes), 'correct horse'))
  expect(isSealed(sealed)).toBe(true)
  expect((await all(unseal(pieces(sealed, 7_777), 'correct horse'))).equals(bytes)).toBe(true)
})

test('another passphrase opens nothing', async () => {
  const sealed = await all(seal(pieces(randomBytes(100)), 'correct horse'))
  await expect(all(unseal(pieces(sealed), 'battery staple'))).rejects.toThrow('the passphrase is wrong')
})

test('what was changed, cut off, moved or lengthened is not taken for whole', async () => {
  const sealed = await all(seal(pieces(randomBytes(200_000)), 'x'))
  const changed = Buffer.from(sealed)
  changed.writeUInt8((changed.at(-100) ?? 0) ^ 1, changed.length - 100)
  const start = 17 + 16
  const piece = 4 + 64 * 1024 + 16
  const swapped = Buffer.concat([
    sealed.subarray(0, start),
    sealed.subarray(start + piece, start + 2 * piece),
    sealed.subarray(start, start + piece),
    sealed.subarray(start + 2 * piece),
  ])
  const cut = [sealed.subarray(0, -1), sealed.subarray(0, start + 2 * piece), sealed.subarray(0, start)]
  for (const bad of [changed, swapped, ...cut, Buffer.concat([sealed, Buffer.from('x')])]) {
    await expect(all(unseal(pieces(bad), 'x'))).rejects.toThrow(/changed|breaks off/)
  }
})

test('an archive gives its files back, also those with long names, and tells where it is damaged', async () => {
  const files = new Map([
    ['a', randomBytes(3)],
    [`${'long/'.repeat(30)}name`, randomBytes(1024)],
    ['empty', Buffer.alloc(0)],
  ])
  const parts = [...files].flatMap(([name, content]) => [
    header({ name, size: content.length }, 0),
    content,
    padding(content.length),
  ])
  const archive = Buffer.concat([...parts, end()])
  const found = new Map<string, Buffer>()
  await readTar(pieces(archive, 100), async ({ name }, content) => void found.set(name, await all(content)))
  expect(found).toEqual(files)

  const names: string[] = []
  await readTar(pieces(archive, 5000), ({ name }) => Promise.resolve(void names.push(name))) // content left unread
  expect(names).toEqual([...files.keys()])
  const damaged = Buffer.from(archive)
  damaged.write('b')
  await expect(readTar(pieces(damaged), () => Promise.resolve())).rejects.toThrow('damaged')
  await expect(readTar(pieces(archive.subarray(0, 600)), () => Promise.resolve())).rejects.toThrow('breaks off')
})
