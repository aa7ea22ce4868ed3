import { expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import { addAccount, findAccount } from '../../storage/accounts.ts'
import { Database } from '../../storage/database.ts'
import { migrate } from '../../storage/migrate.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Lockout } from './lockout.ts'
import { PasswordCheck } from './password-check.ts'
import { Passwords } from './passwords.ts'

const userId = '@alice:hs.test'

test('hashes are argon2id in PHC form, with the cost that OWASP recommends', async () => {
  const passwords = new Passwords({ cost: 'default' })
  const hashed = await passwords.hash('correct horse')
  expect(hashed).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
  expect(await passwords.verify('correct horse', hashed)).toBe(true)
  expect(await passwords.verify('correct house', hashed)).toBe(false)
  expect(await passwords.verify('correct horse', undefined)).toBe(false)
  expect(passwords.isOutdated(hashed)).toBe(false)
  await passwords.stop()
})

test('a password is neither empty nor over 512 bytes, and nothing of it is cut off', async () => {
  const passwords = new Passwords({ cost: 'fast' })
  await expect(passwords.hash('')).rejects.toMatchObject({ errcode: 'M_WEAK_PASSWORD' })
  await expect(passwords.hash('ß'.repeat(257))).rejects.toMatchObject({ errcode: 'M_INVALID_PARAM' })
  const longest = 'a'.repeat(512)
  const hashed = await passwords.hash(longest)
  expect(await passwords.verify(longest, hashed)).toBe(true)
  expect(await passwords.verify(`${longest}a`, hashed)).toBe(false)
  expect(await passwords.verify(longest.slice(1), hashed)).toBe(false)
})

forEachDatabase(({ freshUrl }) => {
  test('T60: a hash of another cost is renewed when its owner logs in', async () => {
    await using database = await Database.open({ url: await freshUrl() })
    await migrate(database)
    const passwordHash = await new Passwords({ cost: 'fast' }).hash('secret')
    await database.transaction('test', (tx) => addAccount(tx, { userId, passwordHash, createdTs: 0 }))
    const passwords = new Passwords({ cost: 'default' })
    const settings = { lockout_failures: 5, lockout_time: 1000 }
    const lockout = new Lockout({ database, clock: new FakeClock(), settings })
    const check = new PasswordCheck({ database, passwords, lockout })
    expect(await check.check(userId, 'secret', '127.0.0.1')).toMatchObject({ userId })
    const renewed = (await findAccount(database, userId))?.passwordHash ?? ''
    expect(renewed).toContain('m=19456,t=2,p=1')
    expect(await check.check(userId, 'secret', '127.0.0.1')).toMatchObject({ passwordHash: renewed })
    await passwords.stop()
  })
})
