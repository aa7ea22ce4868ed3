import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import { Database } from '../../storage/database.ts'
import { migrate } from '../../storage/migrate.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { download, filesIn, media, upload } from '../../../test/support/media-files.ts'
import { startMediaServer } from '../../../test/support/media-server.ts'
import { Client } from '../../../test/support/client.ts'
import { DiskStore } from './disk-store.ts'
import { Spool } from './spool.ts'
import { MediaSweeper } from './sweeper.ts'

const program = join(import.meta.dirname, '../../../test/support/media-process.ts')
import { until } from '../../../test/support/until.ts'
const HOUR = 60 * 60_000

async function temporary(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'domovoi-sweep-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

forEachDatabase(({ freshUrl }) => {
  test('T80: a server killed while files come in keeps the whole ones, and the sweep takes the others', async () => {
    await using directory = await temporary()
    const databaseUrl = await freshUrl()
    const child = spawn(process.execPath, [program, databaseUrl, directory.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const url = line.toString().trim()
    const alice = Object.assign(new Client(url), { token: 'alice' })
    const whole = await upload(alice, 'a whole file')
    for (let n = 0; n < 3; n++) {
      const headers = { Authorization: 'Bearer alice', 'Content-Length': '1000000' }
      const broken = httpRequest(`${url}/_matrix/media/v3/upload`, { method: 'POST', headers, agent: false })
      broken.on('error', () => undefined)
      broken.write(Buffer.alloc(100_000))
    }
    await until(async () => (await filesIn(directory.path)).filter((path) => path.includes('incoming')).length === 3)
    child.kill('SIGKILL')
    await once(child, 'exit')

    const clock = new FakeClock(Date.now())
    await using server = await startMediaServer(databaseUrl, { dataDir: directory.path, clock })
    const inMedia = async () => (await filesIn(server.directory)).length
    expect(await inMedia()).toBe(4)
    await until(async () => {
      await clock.advance(10 * 60_000)
      return (await inMedia()) === 1
    })
    const { bytes } = await download(server.client('bob'), `${media}/download/${whole}`)
    expect(bytes.toString()).toBe('a whole file')
  })

  test('T80: a crash between store and database leaves no file, one after the database leaves the file', async () => {
    await using directory = await temporary()
    await using database = await opened(await freshUrl())
    const clock = new FakeClock(Date.now())
    const store = new DiskStore(directory.path)
    const spool = await Spool.open(join(directory.path, 'incoming'), { store, clock })
    const sweeper = new MediaSweeper({ database: database.database, store, spool, clock })
    const insert = `insert into media (server_name, media_id, created_ts, storage_key) values ('hs.test', 'id', 0, ?)`
    const crash = () => Promise.reject(new Error('the lights go out'))

    const lost = await spool.receiveBytes(Buffer.from('lost'))
    await expect(spool.keep(lost, crash)).rejects.toThrow('lights')
    const kept = await spool.receiveBytes(Buffer.from('kept'))
    await expect(
      spool.keep(kept, async () => {
        await database.database.transaction('test', (tx) => tx.run(insert, [kept.storageKey]))
        return await crash()
      }),
    ).rejects.toThrow('lights')
    await sweeper.sweep()
    expect(await filesIn(directory.path)).toHaveLength(4) // too young: somebody may be at work on them
    await clock.advance(HOUR)
    await sweeper.sweep()
    expect(await filesIn(directory.path)).toEqual([store.localPath(kept.storageKey)])
  })

  test('promised files that did not come are forgotten', async () => {
    const clock = new FakeClock(Date.now())
    await using server = await startMediaServer(await freshUrl(), { clock })
    await server.client('alice').post('/_matrix/media/v1/create')
    const rows = async () => (await server.database.rows('select * from media')).length
    await until(async () => {
      await clock.advance(HOUR)
      return (await rows()) === 0
    })
    expect(clock.monotonic()).toBeGreaterThanOrEqual(24 * HOUR)
  })

  test('what others put beside the files is left alone', async () => {
    const clock = new FakeClock(Date.now())
    await using server = await startMediaServer(await freshUrl(), { clock })
    await writeFile(join(server.directory, 'incoming', 'README'), 'not ours')
    await clock.advance(2 * HOUR)
    await upload(server.client('alice'), 'x')
    expect(await filesIn(server.directory)).toHaveLength(2)
  })
})

async function opened(url: string): Promise<{ database: Database } & AsyncDisposable> {
  const database = await Database.open({ url })
  await migrate(database)
  return { database, [Symbol.asyncDispose]: () => database.close() }
}
