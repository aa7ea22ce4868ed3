import { open, truncate, unlink } from 'node:fs/promises'
import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { download, filesIn, media, upload } from '../../../test/support/media-files.ts'
import { startMediaServer } from '../../../test/support/media-server.ts'

forEachDatabase(({ freshUrl }) => {
  test('T82: a byte that turned over on disk is found: 502, and counted', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const mxc = await upload(alice, 'a file of twenty-four b.', 'text/plain')
    const path = `${media}/download/${mxc}`
    expect((await download(alice, path)).status).toBe(200)
    expect(server.metrics.text()).toContain('domovoi_media_damaged_total 0')

    const [stored = ''] = await filesIn(server.directory)
    await using file = await open(stored, 'r+')
    await file.write('A', 0)
    const answers = await Promise.all(Array.from({ length: 16 }, () => alice.request('GET', path)))
    expect(answers.filter(({ status }) => status === 502).map(({ body }) => body['errcode'])).toEqual(['M_UNKNOWN'])
    expect(server.metrics.text()).toContain('domovoi_media_damaged_total 1')
  })

  test('a file that the store has lost is not found', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const mxc = await upload(alice, 'x')
    for (const file of await filesIn(server.directory)) await unlink(file)
    expect(await alice.refusal('GET', `${media}/download/${mxc}`)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
  })

  test('half a file is not taken for a whole one', async () => {
    await using server = await startMediaServer(await freshUrl())
    const alice = server.client('alice')
    const path = `${media}/download/${await upload(alice, Buffer.alloc(600_000))}`
    expect((await download(alice, path)).bytes).toHaveLength(600_000)
    const [stored = ''] = await filesIn(server.directory)
    await truncate(stored, 300_000)
    await expect(download(alice, path)).rejects.toThrow()
  })
})
