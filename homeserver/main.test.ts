import { once } from 'node:events'
import { chmod, mkdir, readFile, stat, symlink, unlink, writeFile } from 'node:fs/promises'
import { describe, expect, jest, test } from '@jest/globals'
import { cli, main, occupy, Place, type RunOptions, stop } from '../test/support/program.ts'
import { Database } from './storage/database.ts'

jest.setTimeout(60_000) // every test starts whole processes

const answers = async (place: Place): Promise<number> => (await fetch(`${place.url}/_matrix/client/versions`)).status

test('the first start makes everything for the user alone, and the second changes nothing', async () => {
  await using place = await Place.make()
  const first = await place.start()
  expect(await answers(place)).toBe(200)
  expect(first.log.filter(({ msg }) => msg === 'state').map(({ name, on }) => [name, on])).toEqual([
    ['config', true],
    ['database', true],
    ['signing key', true],
    ['secrets', true],
    ['listening', true],
    ['element', false],
    ['calls', expect.any(Boolean)], // a machine may have livekit-server
    ['telegram', false],
    ['registration', true],
    ['federation', false],
  ])
  const { links } = first.log.find(({ msg }) => msg === 'become the admin') as { links: string[] }
  expect((await fetch(links[0] ?? '')).status).toBe(200)
  expect(await stop(first.child)).toBe(0)

  const modes = [
    'config.yaml',
    'data',
    'data/signing.key',
    'data/domovoi.db',
    'data/secrets/registration_shared_secret',
  ]
  const modeOf = async (name: string): Promise<string> => ((await stat(place.path(name))).mode & 0o777).toString(8)
  expect(await Promise.all(modes.map(modeOf))).toEqual(['600', '700', '600', '600', '600'])
  const read = (name: string): Promise<string> => readFile(place.path(name), 'utf8')
  const [key, config] = [await read('data/signing.key'), await read('config.yaml')]
  expect(key).toMatch(/^ed25519 a_\w{4} [A-Za-z0-9+/]{43}\n$/)
  expect(config).toMatch(/^server_name: localhost$/m)

  const files = await place.files()
  const second = await place.start()
  expect(second.log.filter(({ msg }) => msg === 'state').every(({ on }) => on)).toBe(true)
  expect(await answers(place)).toBe(200)
  expect(await stop(second.child)).toBe(0)
  expect([await read('data/signing.key'), await read('config.yaml'), await place.files()]).toEqual([key, config, files])
})

describe('a server that cannot start says why in one line and writes nothing:', () => {
  async function refused(place: Place, code: number, message: RegExp, options?: RunOptions): Promise<void> {
    const before = await place.files()
    const ended = await place.run(main, options)
    expect(ended.stderr).toMatch(message)
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(await place.files()).toEqual(before)
  }

  test('78 for wrong settings', async () => {
    await using place = await Place.make()
    await writeFile(place.path('config.yaml'), 'media:\n  max_uplod: 1MiB\n')
    await refused(place, 78, /^config\.yaml:2:3 {2}media\.max_uplod: unknown key; did you mean media\.max_upload\?\n$/)
    await refused(place, 78, /^cannot read other\.yaml: ENOENT[^\n]*\n$/, { args: ['-c', 'other.yaml'] })
    await refused(place, 78, /^DOMOVOI_LISTEN__PROT: no such setting; did you mean [^\n]*\n$/, {
      args: ['-c', '/dev/null'],
      env: { DOMOVOI_LISTEN__PROT: '1' },
    })
  })

  test('64 for wrong arguments', async () => {
    await using place = await Place.make()
    await refused(place, 64, /^Unknown option '--prot'/, { args: ['--prot', '1'] })
  })

  test('1 for a used port, with who has it and a free one', async () => {
    await using place = await Place.make()
    const other = await occupy(place.port)
    const advice = `port ${place.port} is in use( by [^\\n]+)?: set listen\\.port, or start with DOMOVOI_LISTEN__PORT=\\d+`
    await refused(place, 1, new RegExp(`^${advice}\\n$`))
    other.close()
  })

  test('1 for a data directory where another server works, until that one ends', async () => {
    await using place = await Place.make()
    const { child } = await place.start()
    const env = { DOMOVOI_LISTEN__PORT: '0' }
    await refused(place, 1, /^another server works in \.\/data: stop it first, or set data_dir\n$/, { env })
    expect(await place.run(cli, { args: ['migrate'] })).toMatchObject({ code: 1 })
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await stop((await place.start({ env })).child)).toBe(0)
  })

  test('1 for a data directory that is a file, or below one', async () => {
    await using place = await Place.make()
    await writeFile(place.path('data'), '')
    await refused(place, 1, /^data_dir \.\/data is not a directory\n$/)
    const env = { DOMOVOI_DATA_DIR: './data/deeper' }
    await refused(place, 1, /^cannot make [^\n]*: [^\n]* is not a directory\n$/, { env })
  })

  test('1 for a data directory that leads nowhere', async () => {
    await using place = await Place.make()
    await symlink('data', place.path('data'))
    await refused(place, 1, /^cannot look at \.\/data: ELOOP[^\n]*\n$/)
  })

  test('1 for a database that cannot be opened', async () => {
    await using place = await Place.make()
    const env = { DOMOVOI_DATABASE__URL: 'postgres://me:secret@127.0.0.1:1/chat' }
    await refused(
      place,
      1,
      /^cannot open the database "postgres:\/\/me:…@127\.0\.0\.1:1\/chat": [^\n]*REFUSED[^\n]*\n$/,
      { env },
    )
    const elsewhere = { DOMOVOI_DATABASE__URL: 'sqlite:nowhere/domovoi.db' }
    await place.run(main, { env: elsewhere })
    await refused(place, 1, /^cannot open the database "sqlite:nowhere\/domovoi\.db": SQLITE_CANTOPEN[^\n]*\n$/, {
      env: elsewhere,
    })
  })

  test('1 for a signing key that everybody can read, or nobody can use', async () => {
    await using place = await Place.make()
    await mkdir(place.path('data'))
    await writeFile(place.path('data/signing.key'), 'ed25519 a_1234 x\n')
    await chmod(place.path('data/signing.key'), 0o644)
    await refused(place, 1, /^\.\/data\/signing\.key is open to every user of this machine: chmod 600 [^\n]*\n$/)
    await chmod(place.path('data/signing.key'), 0o600)
    await refused(place, 1, /^cannot use \.\/data\/signing\.key: [^\n]*\n$/)
  })

  test('1 for a lost signing key, and for a database of a newer release', async () => {
    await using place = await Place.make()
    const { child } = await place.start()
    await stop(child)
    const key = await readFile(place.path('data/signing.key'))
    await unlink(place.path('data/signing.key'))
    await refused(
      place,
      1,
      /^\.\/data\/signing\.key is missing, but the database is in use: put the key back [^\n]*\n$/,
    )

    await writeFile(place.path('data/signing.key'), key, { mode: 0o600 })
    const database = await Database.open({ url: `sqlite:${place.path('data/domovoi.db')}` })
    await database.transaction('pretend', (tx) =>
      tx.run(`insert into schema_migrations (version, name) values (9999, 'of the future')`),
    )
    await database.close()
    await refused(place, 1, /^The database has schema 9999, this release knows only \d+[^\n]*\n$/)
  })
})
