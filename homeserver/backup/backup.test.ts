import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, jest, test } from '@jest/globals'
import { forEachDatabase, freshDatabaseUrl } from '../../test/support/databases.ts'
import { Client } from '../../test/support/client.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { furnish, makeDataDir, readSigningKeys, survey } from '../installation.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { Server } from '../server.ts'
import { makeBackup, pruneBackups } from './make.ts'
import { inspect, restore } from './restore.ts'
import { verifyBackup } from '../cli/verify-backup.ts'

jest.setTimeout(300_000) // whole servers, perhaps on a busy machine

class Place implements AsyncDisposable {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  static async make(): Promise<Place> {
    return new Place(await mkdtemp(join(tmpdir(), 'domovoi-backup-')))
  }

  config(name: string, database: string): Config {
    const text = `
server_name: hs.test
data_dir: ${this.directory}/${name}
database: { url: '${database}' }
listen: { host: 127.0.0.1, port: 0 }
registration: { mode: open, i_accept_abuse_risk: true, shared_secret: secret }
auth: { password_hash: fast }
limits: { preset: off }
log: { level: error }
`
    return loadConfig({ files: [{ name: 'test', text }], env: {}, readFile: () => '' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
  }
}

async function start(config: Config): Promise<Server> {
  const missing = await survey(config)
  await makeDataDir(config)
  await furnish(config, missing)
  return await Server.start(config, { signingKeys: await readSigningKeys(config) })
}

const clientOf = (server: Server, like?: Client): Client => {
  const client = new Client(`http://127.0.0.1:${server.port}`)
  return like ? Object.assign(client, { userId: like.userId, deviceId: like.deviceId, token: like.token }) : client
}

const key = { one_time_keys: { 'signed_curve25519:AAAA': { key: 'x', signatures: {} } } }

forEachDatabase(({ dialect, freshUrl }) => {
  const other = dialect === 'sqlite' ? 'postgres' : 'sqlite'

  test('D22: a server is put back as it was, and goes on without giving anything out twice', async () => {
    await using place = await Place.make()
    const config = place.config('first', await freshUrl())
    const first = await start(config)
    const alice = await clientOf(first).register('alice', 'secret')
    const roomId = await alice.createRoom({ name: 'Kitchen' })
    const messages = `/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=50`
    await alice.send(roomId, 'before')
    await alice.post('/keys/upload', key)
    const uploaded = await alice.request('POST', '/_matrix/media/v3/upload', 'a picture')
    const known = await alice.sync()

    // Others go on writing while the backup is made.
    const writing = Promise.all(Array.from({ length: 20 }, (_, n) => alice.send(roomId, `meanwhile ${n}`)))
    const directory = join(place.directory, 'backups')
    const options = { config, configFiles: [], directory, passphrase: 'correct horse', clock }
    const { path } = await makeBackup(options)
    await writing
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(directory)).toHaveLength(1)
    await alice.send(roomId, 'lost')
    const lost = await alice.sync()
    await first.stop()

    const source = { path, passphrase: 'correct horse' }
    await expect(inspect({ path, passphrase: 'guess' })).rejects.toThrow('the passphrase is wrong')
    await expect(restore(source, config)).rejects.toThrow('a backup goes into an empty')
    const target = place.config('second', await freshUrl())
    await restore(source, target)
    expect(await readFile(`${target.data_dir}/signing.key`, 'utf8')).toBe(
      await readFile(`${config.data_dir}/signing.key`, 'utf8'),
    )

    const second = await start(target)
    const again = clientOf(second, alice)
    const bodies = async () =>
      ((await again.get(messages))['chunk'] as { content: { body?: string } }[]).map(({ content }) => content.body)
    expect(await bodies()).toContain('before')
    expect(await bodies()).not.toContain('lost')
    expect((await again.post('/keys/upload', {}))['one_time_key_counts']).not.toHaveProperty('signed_curve25519', 1)
    const mxc = String(uploaded.body['content_uri']).slice('mxc://'.length)
    expect((await again.request('GET', `/_matrix/client/v1/media/download/${mxc}`)).body['text']).toBe('a picture')

    // A client that has seen what is lost begins anew; one that has not goes on, and hears what comes.
    const { state, timeline } = (await again.sync({ since: lost['next_batch'] as string }))['rooms'].join[roomId]
    const types = [...state.events, ...timeline.events].map((event: { type: string }) => event.type)
    expect(types).toContain('m.room.create')
    const message = { msgtype: 'm.text', body: 'after' }
    const { event_id: sent } = await again.put(
      `/rooms/${encodeURIComponent(roomId)}/send/m.room.message/after`,
      message,
    )
    const news = await again.sync({ since: known['next_batch'] as string })
    expect(news['rooms'].join[roomId].timeline.events.at(-1)).toMatchObject({ event_id: sent })
    await second.stop()
  })

  test('a backup of one database can be restored on the other, and is proved by a server on it', async () => {
    await using place = await Place.make()
    const config = place.config('first', await freshUrl())
    await using server = await start(config)
    const alice = await clientOf(server).register('alice', 'secret')
    await alice.createRoom({ name: 'Kitchen' })
    const { path } = await makeBackup({
      config,
      configFiles: [],
      directory: place.directory,
      passphrase: undefined,
      clock,
    })
    expect(await verifyBackup({ path, passphrase: undefined }, place.directory)).toMatchObject({ dialect })

    const target = place.config('second', await freshDatabaseUrl(other))
    await restore({ path, passphrase: undefined }, target)
    await using moved = await start(target)
    expect((await clientOf(moved, alice).get('/joined_rooms'))['joined_rooms']).toHaveLength(1)
    expect(await readdir(place.directory)).not.toContainEqual(expect.stringMatching(/^\.(verify|partial)/))
  })
})

test('what is no backup, or not all of one, is not restored', async () => {
  await using place = await Place.make()
  const config = place.config('first', `sqlite:${place.directory}/first.db`)
  const server = await start(config)
  await server.stop()
  const { path } = await makeBackup({
    config,
    configFiles: [],
    directory: place.directory,
    passphrase: undefined,
    clock,
  })
  const bytes = await readFile(path)
  const target = place.config('second', `sqlite:${place.directory}/second.db`)
  for (const bad of [bytes.subarray(0, -20), Buffer.from('hello'), Buffer.alloc(0)]) {
    await writeFile(`${place.directory}/bad`, bad)
    await expect(restore({ path: `${place.directory}/bad`, passphrase: undefined }, target)).rejects.toThrow()
  }
  const strange = { ...target, server_name: 'other.test' }
  await expect(restore({ path, passphrase: undefined }, strange)).rejects.toThrow('The backup is of hs.test')
  await restore({ path, passphrase: undefined }, target)
})

test('the oldest backups go, and nothing else', async () => {
  await using place = await Place.make()
  const names = ['domovoi-hs.test-20260101T000000Z.tar.gz', 'domovoi-hs.test-20260102T000000Z.tar.gz.sealed']
  const others = ['domovoi-other.test-20250101T000000Z.tar.gz', 'notes.txt']
  for (const name of [...names, ...others]) await writeFile(join(place.directory, name), '')
  expect(await pruneBackups(place.directory, 'hs.test', 1)).toEqual([join(place.directory, names[0] ?? '')])
  expect((await readdir(place.directory)).toSorted()).toEqual([
    'domovoi-hs.test-20260102T000000Z.tar.gz.sealed',
    ...others,
  ])
})
