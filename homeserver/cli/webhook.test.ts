import { writeFile } from 'node:fs/promises'
import { expect, test } from '@jest/globals'
import { addHook } from '../../bridges/webhooks/store/hooks.ts'
import { forEachDatabase } from '../../test/support/databases.ts'
import { cli, Place } from '../../test/support/program.ts'
import { Database } from '../storage/database.ts'
import { migrate } from '../storage/migrate.ts'

forEachDatabase(({ freshUrl }) => {
  test('`webhook` lists the webhooks of all rooms, without what is secret, and removes one', async () => {
    await using place = await Place.make()
    const url = await freshUrl()
    await writeFile(place.path('config.yaml'), `database: { url: '${url}' }`)
    const database = await Database.open({ url })
    await migrate(database)
    const base = { room_id: '!r:hs.test', created_by: '@a:hs.test', types: null, pattern: null }
    const hooks = [
      { ...base, hook_id: 'in', name: 'Build', created_at: 1, secret_hash: 'hash', url: null },
      { ...base, hook_id: 'out', name: 'There', created_at: 2, secret_hash: null, url: 'https://there.example/secret' },
    ]
    await database.transaction('hooks', async (tx) => {
      for (const hook of hooks) await addHook(tx, hook)
    })
    await database.close()
    const run = (...args: string[]) => place.run(cli, { args: ['webhook', ...args] })
    expect((await run('list')).stdout).toBe(
      'in\tBuild\t!r:hs.test\t@a:hs.test\tposts\nout\tThere\t!r:hs.test\t@a:hs.test\ttells there.example\n',
    )
    expect(await run('remove', 'in')).toMatchObject({ code: 0, stdout: 'The webhook in is over\n' })
    expect(await run('remove', 'in')).toMatchObject({ code: 1, stderr: 'There is no webhook in\n' })
    expect((await run('odd')).code).toBe(64)
  })
})
