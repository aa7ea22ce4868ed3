import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { expect, jest, test } from '@jest/globals'
import { TestAppservice } from '../../test/support/appservice.ts'
import { cli, Place } from '../../test/support/program.ts'

jest.setTimeout(60_000) // whole processes

test('application services are listed and asked whether they are there', async () => {
  await using service = await TestAppservice.start()
  await using place = await Place.make()
  await mkdir(place.path('services'))
  await writeFile(
    place.path('services/a.yml'),
    'id: quiet\nurl: null\nas_token: a\nhs_token: b\nsender_localpart: quiet\nnamespaces: {}\n',
  )
  const paths = `['${service.registrationPath}', '${place.path('services')}']`
  await writeFile(
    place.path('config.yaml'),
    `server_name: hs.test\ndata_dir: ${place.path('data')}\nappservices: ${paths}\n`,
  )
  const { child } = await place.start()
  const run = (...args: string[]) => place.run(cli, { args: ['appservice', ...args] })
  expect(await run('list')).toMatchObject({
    code: 0,
    stdout: `irc\t@ircbot:hs.test\t${service.url}\t0 transactions\nquiet\t@quiet:hs.test\thears nothing\t0 transactions\n`,
  })
  expect((await run('ping', 'irc')).stdout).toMatch(/^irc answered within \d+ ms\n$/)
  service.answer = () => ({ status: 403 })
  expect(await run('ping', 'irc')).toMatchObject({
    code: 1,
    stderr: 'The application service answered with status 403\n',
  })
  expect(await run('ping', 'quiet')).toMatchObject({ code: 1, stderr: 'The application service has no URL\n' })
  expect(await run('ping', 'other')).toMatchObject({ code: 1 })
  expect(await run('ping')).toMatchObject({ code: 64 })

  const registration = (id: string): string =>
    `id: ${id}\nurl: null\nas_token: ${id}-a\nhs_token: ${id}-h\nsender_localpart: ${id}\nnamespaces: {}\n`
  await writeFile(place.path('later.yml'), registration('later'))
  expect((await run('add', 'later.yml')).code).toBe(0)
  expect(await readFile(place.path('config.yaml'), 'utf8')).toContain(place.path('later.yml'))
  expect((await run('list')).stdout).toContain('later\t@later:hs.test')
  await writeFile(place.path('bad.yml'), registration('later'))
  expect(await run('add', 'bad.yml')).toMatchObject({ code: 78 })
  child.kill('SIGKILL')
})
