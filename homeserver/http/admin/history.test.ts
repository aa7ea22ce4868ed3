import { expect, test } from '@jest/globals'
import { registerAdmin } from '../../../test/support/admin.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

const at = '/_synapse/admin/v1'
const encoded = encodeURIComponent

/** Resolves when the purge has ended. */
async function purged(admin: Client, path: string, body: Json): Promise<Json> {
  const { purge_id: id } = await admin.post(path, body)
  for (;;) {
    const state = await admin.get(`${at}/purge_history_status/${id}`)
    if (state['status'] !== 'active') return state
  }
}

async function bodies(client: Client, roomId: string): Promise<string[]> {
  const { chunk } = await client.get(`/rooms/${encoded(roomId)}/messages?dir=f&limit=100`)
  return (chunk as Json[]).filter(({ type }) => type === 'm.room.message').map(({ content }) => content.body as string)
}

forEachDatabase(({ dialect: database }) => {
  test('the history of a room is purged up to an event or a time, and what people here said only if it is told', async () => {
    await using server = await startServer({ database })
    const [admin, alice] = [await registerAdmin(server), await server.register('alice')]
    const roomId = await alice.createRoom({ topic: 'kept' })
    const sent: string[] = []
    for (const n of [1, 2, 3, 4, 5]) sent.push(await alice.send(roomId, `message ${n}`))
    const purge = `${at}/purge_history/${encoded(roomId)}`

    expect(await purged(admin, `${purge}/${sent[2]}`, {})).toEqual({ status: 'complete' })
    expect(await bodies(alice, roomId)).toHaveLength(5)
    expect(await purged(admin, `${purge}/${sent[2]}`, { delete_local_events: true })).toEqual({ status: 'complete' })
    expect(await bodies(alice, roomId)).toEqual(['message 3', 'message 4', 'message 5'])
    expect(await alice.refusal('GET', `/rooms/${encoded(roomId)}/event/${sent[0]}`)).toMatchObject({ status: 404 })
    const found = await alice.post('/search', { search_categories: { room_events: { search_term: 'message' } } })
    expect(found['search_categories'].room_events.count).toBe(3)

    const { origin_server_ts: ts } = await alice.get(`/rooms/${encoded(roomId)}/event/${sent[4]}`)
    await purged(admin, purge, { delete_local_events: true, purge_up_to_ts: ts + 1 })
    const [last, ...others] = await alice
      .get(`/rooms/${encoded(roomId)}/messages?dir=b&limit=100`)
      .then(({ chunk }) => (chunk as Json[]).filter(({ type }) => type === 'm.room.message'))
    expect([last?.content, others]).toEqual([{}, []])
    expect(await alice.get(`/rooms/${encoded(roomId)}/state/m.room.topic`)).toMatchObject({ topic: 'kept' })

    expect(await admin.refusal('POST', purge, {})).toEqual({ status: 400, errcode: 'M_BAD_JSON' })
    expect(await admin.refusal('POST', `${purge}/$nothing`, {})).toMatchObject({ status: 404 })
    expect(await admin.refusal('POST', `${at}/purge_history/!none:hs.test/$x`, {})).toMatchObject({ status: 404 })
    expect(await admin.refusal('GET', `${at}/purge_history_status/none`)).toMatchObject({ status: 404 })
  })

  test('a file goes with the last message that shows it', async () => {
    await using server = await startServer({ database })
    const [admin, alice] = [await registerAdmin(server), await server.register('alice')]
    const upload = async (client: Client, text: string): Promise<string> =>
      String((await client.request('POST', '/_matrix/media/v3/upload', text)).body['content_uri'])
    const [once, again, before] = [await upload(alice, '1'), await upload(alice, '2'), await upload(alice, '3')]
    const foreign = await upload(admin, '4')
    const isThere = async (uri: string): Promise<boolean> =>
      (await alice.request('GET', `/_matrix/client/v1/media/download/${uri.slice('mxc://'.length)}`)).status === 200
    const [roomId, other] = [await alice.createRoom(), await alice.createRoom()]
    const show = (room: string, url: string) => alice.send(room, { msgtype: 'm.file', body: 'a file', url })
    await show(other, before)
    for (const url of [once, once, again, before, foreign]) await show(roomId, url)
    await show(other, again)
    const last = await alice.send(roomId, 'last')
    // A search waits for the index, which tells what other messages show.
    await alice.post('/search', { search_categories: { room_events: { search_term: 'file' } } })

    await purged(admin, `${at}/purge_history/${encoded(roomId)}/${last}`, { delete_local_events: true })
    expect(await Promise.all([once, again, before, foreign].map(isThere))).toEqual([false, true, true, true])
    const end = { delete_local_events: true, purge_up_to_ts: Date.now() + 60_000 }
    await purged(admin, `${at}/purge_history/${encoded(other)}`, end)
    expect(await Promise.all([again, before, foreign].map(isThere))).toEqual([false, false, true])
  })

  test('nobody comes into a room that is blocked, and who is in it stays', async () => {
    await using server = await startServer({ database })
    const [admin, alice, bob] = [
      await registerAdmin(server),
      await server.register('alice'),
      await server.register('bob'),
    ]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    const block = `${at}/rooms/${encoded(roomId)}/block`
    expect(await admin.get(block)).toEqual({ block: false })
    expect(await admin.put(block, { block: true })).toEqual({ block: true })
    expect(await admin.get(block)).toEqual({ block: true, user_id: admin.userId })
    const refused = { status: 403, errcode: 'M_FORBIDDEN' }
    expect(await bob.refusal('POST', `/join/${encoded(roomId)}`, {})).toEqual(refused)
    const invite = { user_id: bob.userId }
    expect(await alice.refusal('POST', `/rooms/${encoded(roomId)}/invite`, invite)).toEqual(refused)
    await alice.send(roomId, 'still here')
    expect(await admin.put(block, { block: false })).toEqual({ block: false })
    await bob.post(`/join/${encoded(roomId)}`)

    await admin.ok('DELETE', `${at}/rooms/${encoded(roomId)}`, { block: true })
    expect(await bob.refusal('POST', `/join/${encoded(roomId)}`, {})).toEqual(refused)
    expect(await admin.refusal('GET', `${at}/rooms/nothing/block`)).toMatchObject({ status: 400 })
  })

  test('a file in quarantine is for nobody, nor is another one that is the same, unless it is protected', async () => {
    await using server = await startServer({ database })
    const [admin, alice] = [await registerAdmin(server), await server.register('alice')]
    const upload = async (text: string): Promise<string> =>
      String((await alice.request('POST', '/_matrix/media/v3/upload', text)).body['content_uri']).slice('mxc://'.length)
    const files = [await upload('evil'), await upload('evil'), await upload('good'), await upload('better')]
    const [evil = '', , good = '', better = ''] = files
    const statuses = async (): Promise<number[]> =>
      await Promise.all(
        files.map(async (file) => (await alice.request('GET', `/_matrix/client/v1/media/download/${file}`)).status),
      )
    await admin.post(`${at}/media/quarantine/${evil}`)
    expect(await statuses()).toEqual([404, 404, 200, 200])
    expect(await admin.get(`${at}/media/${evil}`)).toMatchObject({ media_info: { quarantined_by: admin.userId } })
    await admin.post(`${at}/media/unquarantine/${evil}`)
    expect(await statuses()).toEqual([200, 200, 200, 200])

    await admin.post(`${at}/media/protect/${good.split('/').at(-1)}`)
    await admin.post(`${at}/media/quarantine/${good}`)
    expect(await admin.post(`${at}/user/${alice.userId}/media/quarantine`)).toEqual({ num_quarantined: 3 })
    expect(await statuses()).toEqual([404, 404, 200, 404])
    await admin.post(`${at}/media/unprotect/${good.split('/').at(-1)}`)
    await admin.post(`${at}/media/quarantine/${good}`)
    await admin.post(`${at}/media/unquarantine/${better}`)
    expect(await statuses()).toEqual([404, 404, 404, 200])
    expect(await admin.refusal('POST', `${at}/media/quarantine/hs.test/none`)).toMatchObject({ status: 404 })
    expect(await admin.refusal('POST', `${at}/media/protect/none`)).toMatchObject({ status: 404 })
  })
})
