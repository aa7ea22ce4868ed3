import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import { MediaLinks } from './media-links.ts'

const clock = new FakeClock()
const links = async (keyFile?: string) =>
  new MediaLinks({
    clock,
    keyFile: keyFile ?? join(await mkdtemp(join(tmpdir(), 'domovoi-links-')), 'key'),
    baseUrl: 'https://hs.test/media',
  })
const file = { server: 'hs.test', mediaId: 'abc' }

test('a link is good for a week, for one file, on the server that made it', async () => {
  const keyFile = join(await mkdtemp(join(tmpdir(), 'domovoi-links-')), 'key')
  const made = await links(keyFile)
  const { url, expiresTs } = await made.make(file)
  const token = url.slice('https://hs.test/media/'.length)
  expect(await made.open(token)).toEqual(file)
  expect(await (await links(keyFile)).open(token)).toEqual(file) // after a restart
  await expect((await links()).open(token)).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' })
  await expect(made.open(`${token}x`)).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' })
  await expect(made.open('')).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' })
  await clock.advance(expiresTs - clock.now() - 1)
  expect(await made.open(token)).toEqual(file)
  await clock.advance(1)
  await expect(made.open(token)).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' })
})
