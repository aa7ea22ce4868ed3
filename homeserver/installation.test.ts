import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { forEachDatabase } from '../test/support/databases.ts'
import { loadConfig } from './config/load.ts'
import type { Config } from './config/schema.ts'
import { furnish, makeDataDir, readSigningKeys, survey } from './installation.ts'
import { Database } from './storage/database.ts'
import { migrate } from './storage/migrate.ts'

const made: string[] = []
afterAll(() => Promise.all(made.map((directory) => rm(directory, { recursive: true, force: true }))))

/** Settings with a data directory that is still to be made. */
async function configured(url = 'sqlite:unused.db'): Promise<Config> {
  const above = await mkdtemp(join(tmpdir(), 'domovoi-installation-'))
  made.push(above)
  const text = `data_dir: ${above}/deep/data\ndatabase: { url: '${url}' }`
  return loadConfig({ files: [{ name: 'test', text }], env: {}, readFile: (path) => readFileSync(path, 'utf8') })
}

test('what is missing is made once, for the user alone', async () => {
  const config = await configured()
  const missing = await survey(config)
  expect(missing).toEqual({ dataDir: true, signingKey: true, sharedSecret: true })
  await makeDataDir(config)
  await furnish(config, missing)
  const [key] = await readSigningKeys(config)
  expect(key.keyId).toMatch(/^ed25519:a_\w{4}$/)
  expect((await stat(`${config.data_dir}/signing.key`)).mode & 0o777).toBe(0o600)
  expect((await readdir(config.data_dir)).toSorted()).toEqual(['secrets', 'signing.key'])
  expect((await readFile(`${config.data_dir}/secrets/registration_shared_secret`, 'utf8')).length).toBe(44)

  expect(await survey(config)).toMatchObject({ dataDir: false, signingKey: false })
  await furnish(config, { dataDir: false, signingKey: false, sharedSecret: false })
  expect((await readSigningKeys(config))[0].publicKey).toBe(key.publicKey)
  await expect(furnish(config, missing)).rejects.toThrow('EEXIST')
})

test('two servers do not get the same key', async () => {
  const keys = await Promise.all(
    [await configured(), await configured()].map(async (config) => {
      await makeDataDir(config)
      await furnish(config, await survey(config))
      return (await readSigningKeys(config))[0].publicKey
    }),
  )
  expect(new Set(keys).size).toBe(2)
})

test('a signing key that others may read is refused', async () => {
  const config = await configured()
  await makeDataDir(config)
  await furnish(config, await survey(config))
  await chmod(`${config.data_dir}/signing.key`, 0o604)
  await expect(survey(config)).rejects.toThrow('is open to every user of this machine')
})

forEachDatabase(({ freshUrl }) => {
  test('no new key is made for a database that is in use', async () => {
    const config = await configured(await freshUrl())
    expect(await survey(config)).toMatchObject({ signingKey: true })
    const database = await Database.open({ url: config.database.url })
    await migrate(database)
    await database.close()
    await expect(survey(config)).rejects.toThrow('signing.key is missing, but the database is in use')
  })
})
