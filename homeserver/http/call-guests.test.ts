import { expect, test } from '@jest/globals'
import { registerAdmin } from '../../test/support/admin.ts'
import type { Client } from '../../test/support/client.ts'
import { forEachDatabase } from '../../test/support/databases.ts'
import { FakeSfu } from '../../test/support/fake-sfu.ts'
import { startServer, type TestServer } from '../../test/support/server.ts'
import type { RoomId } from '../core/ids.ts'
import { ROOM_SLOT, sfuRoomOf } from '../domain/rtc/names.ts'
import { FakeClock } from '../platform/fake-clock.ts'

const memberType = 'org.matrix.msc3401.call.member'
const linksOf = (room: string): string => `/_domovoi/client/v1/rooms/${encodeURIComponent(room)}/call_links`

async function asGuest(server: TestServer, token: string, what: 'join' | 'people' | 'leave', body: object) {
  const answer = await fetch(`${server.url}/call/${token}/${what}`, { method: 'POST', body: JSON.stringify(body) })
  return { status: answer.status, body: (await answer.json()) as Record<string, string> }
}

/** The content of the one call membership of the user that the room shows. */
async function shownInCall(client: Client, room: string, userId: string): Promise<Record<string, unknown> | undefined> {
  const state = (await client.get(`/rooms/${room}/state`)) as unknown as {
    type: string
    sender: string
    content: object
  }[]
  const found = state.filter(({ type, sender }) => type === memberType && sender === userId)
  expect(found.length).toBeLessThanOrEqual(1)
  return found[0]?.content as Record<string, unknown> | undefined
}

const membershipOf = async (client: Client, room: string, userId: string): Promise<unknown> =>
  (await client.get(`/rooms/${room}/state/m.room.member/${encodeURIComponent(userId)}`))['membership']

forEachDatabase(({ dialect }) => {
  const start = async (sfu: FakeSfu, parts = {}): Promise<TestServer> =>
    await startServer({ database: dialect, config: [sfu.config, 'registration: { mode: closed }'], parts })

  async function member(server: TestServer, name: string): Promise<Client> {
    const { registration } = server.server.services
    await registration.register({ userId: `@${name}:hs.test`, displayname: name, password: `password of ${name}` })
    return await server.client().login(name, `password of ${name}`)
  }

  test('a guest comes by a link into the room and its call, is seen there by name, and is gone afterwards', async () => {
    await using sfu = await FakeSfu.start()
    await using server = await start(sfu)
    const alice = await member(server, 'alice')
    const room = await alice.createRoom({ name: 'Kitchen' })
    const link = await alice.post(linksOf(room))
    expect(link).toMatchObject({ room_id: room, user_id: alice.userId, uses: 0, uses_allowed: null })
    expect(link['url']).toBe(`${server.server.services.config.public_url}/call/${link['token']}`)

    const { status, body: stay } = await asGuest(server, link['token'], 'join', { name: '  Kim\n ' })
    expect(status).toBe(200)
    const { user_id: guest = '', key, jwt = '' } = stay
    expect(stay).toMatchObject({ url: sfu.publicUrl, user_id: expect.stringMatching(/^@guest-\w+:hs\.test$/) })
    const { sub, video } = await sfu.claims(jwt)
    expect(video).toMatchObject({ room: sfuRoomOf(room as RoomId, ROOM_SLOT), roomCreate: false, canPublish: true })
    const shown = await shownInCall(alice, room, guest)
    expect(shown).toMatchObject({ application: 'm.call', membershipID: sub, foci_preferred: [{ type: 'livekit' }] })
    expect(await alice.get(`/rooms/${room}/joined_members`)).toMatchObject({
      joined: { [guest]: { display_name: 'Kim (guest)' } },
    })
    const { body: people } = await asGuest(server, link['token'], 'people', { key })
    expect(people).toEqual({ people: { [sub]: 'Kim (guest)' } })
    expect((await alice.get(linksOf(room)))['call_links']).toMatchObject([{ token: link['token'], uses: 1 }])

    expect((await asGuest(server, link['token'], 'leave', { key })).status).toBe(200)
    await server.server.settle()
    expect(await shownInCall(alice, room, guest)).toEqual({})
    expect(await membershipOf(alice, room, guest)).toBe('leave')
    expect((await asGuest(server, link['token'], 'people', { key })).status).toBe(404)
    expect((await asGuest(server, link['token'], 'leave', { key })).status).toBe(200)
  })

  test('a guest can do nothing but be in that call: no session, no login, no other room', async () => {
    await using sfu = await FakeSfu.start()
    await using server = await start(sfu)
    const alice = await member(server, 'alice')
    const [room, other] = [await alice.createRoom(), await alice.createRoom({ preset: 'public_chat' })]
    const { token } = await alice.post(linksOf(room))
    const { body: stay } = await asGuest(server, token, 'join', { name: 'Kim' })
    const client = server.client()
    for (const secret of [stay['key'], stay['jwt'], token as string]) {
      client.token = secret ?? ''
      for (const [method, path] of [
        ['GET', '/sync'],
        ['GET', '/account/whoami'],
        ['POST', `/join/${encodeURIComponent(other)}`],
        ['PUT', `/rooms/${encodeURIComponent(room)}/send/m.room.message/1`],
        ['POST', '/createRoom'],
        ['POST', linksOf(room)],
      ] as const) {
        const refusal = await client.refusal(method, path, method === 'GET' ? undefined : {})
        expect({ path, ...refusal }).toEqual({ path, status: 401, errcode: 'M_UNKNOWN_TOKEN' })
      }
    }
    client.token = ''
    const identifier = { type: 'm.id.user', user: stay['user_id'] }
    const login = { type: 'm.login.password', identifier, password: '' }
    expect(await client.refusal('POST', '/login', login)).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    const admin = await registerAdmin(server)
    const { joined_rooms: rooms } = await admin.get(`/_synapse/admin/v1/users/${stay['user_id']}/joined_rooms`)
    expect(rooms).toEqual([room])
    expect(await client.refusal('POST', '/register', {})).toMatchObject({ status: 403 })
  })

  test('a link ends with its time, its uses and its maker; its guests end with it', async () => {
    const clock = new FakeClock()
    await using sfu = await FakeSfu.start()
    await using server = await start(sfu, { clock })
    const [alice, bob] = [await member(server, 'alice'), await member(server, 'bob')]
    const room = await alice.createRoom({ preset: 'public_chat', power_level_content_override: { invite: 0 } })
    await bob.post(`/rooms/${room}/join`)
    const join = async (token: string) => await asGuest(server, token, 'join', { name: 'Kim' })
    const refused = { status: 404, body: { errcode: 'M_NOT_FOUND' } }

    const { token: once } = await bob.post(linksOf(room), { uses: 1 })
    expect((await join(once)).status).toBe(200)
    expect(await join(once)).toMatchObject(refused)

    const { token: taken } = await alice.post(linksOf(room))
    const { user_id: first = '' } = (await join(taken)).body
    expect(await bob.refusal('DELETE', `${linksOf(await bob.createRoom())}/${taken}`)).toMatchObject({ status: 404 })
    await alice.ok('DELETE', `${linksOf(room)}/${taken}`)
    await server.server.settle()
    expect(await membershipOf(alice, room, first)).toBe('leave')
    expect(await shownInCall(alice, room, first)).toEqual({})
    expect(await join(taken)).toMatchObject(refused)

    const { token: his } = await bob.post(linksOf(room), { expires_in_ms: 60_000 })
    const { user_id: second = '' } = (await join(his)).body
    await bob.post(`/rooms/${room}/leave`)
    expect(await join(his)).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } })
    await bob.post(`/rooms/${room}/join`)
    await clock.advance(60_000)
    await server.server.services.calls?.guests.look()
    await server.server.settle()
    expect(await membershipOf(alice, room, second)).toBe('leave')
    expect(await join(his)).toMatchObject(refused)
    expect(await alice.get(linksOf(room))).toEqual({ call_links: [expect.objectContaining({ token: once })] })
  })

  test('a guest whom the SFU never saw, and one who vanished, are out of the room as well', async () => {
    const clock = new FakeClock()
    await using sfu = await FakeSfu.start()
    await using server = await start(sfu, { clock })
    const alice = await member(server, 'alice')
    const room = await alice.createRoom()
    const { token } = await alice.post(linksOf(room))
    const { user_id: guest = '' } = (await asGuest(server, token, 'join', { name: 'Kim' })).body
    const { guests } = server.server.services.calls ?? {}
    await guests?.look()
    expect(await membershipOf(alice, room, guest)).toBe('join')
    await clock.advance(61_000) // the event by which it leaves the call is sent
    while (Object.keys((await shownInCall(alice, room, guest)) ?? {}).length > 0) await server.server.settle()
    await guests?.look()
    await server.server.settle()
    expect(await membershipOf(alice, room, guest)).toBe('leave')
  })

  test('links are for those who may invite, and not for encrypted rooms; bad ones are refused', async () => {
    await using sfu = await FakeSfu.start()
    await using server = await start(sfu)
    const [alice, bob] = [await member(server, 'alice'), await member(server, 'bob')]
    const room = await alice.createRoom({ preset: 'public_chat', power_level_content_override: { invite: 50 } })
    const forbidden = { status: 403, errcode: 'M_FORBIDDEN' }
    expect(await bob.refusal('POST', linksOf(room), {})).toEqual(forbidden)
    await bob.post(`/rooms/${room}/join`)
    expect(await bob.refusal('POST', linksOf(room), {})).toEqual(forbidden)
    expect(await bob.refusal('GET', linksOf(room))).toEqual(forbidden)
    const { token } = await alice.post(linksOf(room))
    expect(await bob.refusal('DELETE', `${linksOf(room)}/${token}`)).toEqual(forbidden)
    const invalid = { status: 400, errcode: 'M_INVALID_PARAM' }
    for (const bad of [{ uses: 0 }, { expires_in_ms: 0 }, { expires_in_ms: 31 * 86_400_000 }]) {
      expect(await alice.refusal('POST', linksOf(room), bad)).toEqual(invalid)
    }
    for (const name of ['', ' \u200b\n', 'x'.repeat(61)]) {
      const answer = await asGuest(server, token, 'join', { name })
      expect(answer).toMatchObject({ status: 400, body: { errcode: 'M_INVALID_PARAM' } })
    }
    expect(await asGuest(server, 'made-up', 'join', { name: 'x' })).toMatchObject({ status: 404 })

    const admin = await registerAdmin(server)
    const adminLinks = '/_domovoi/admin/v1/call_links'
    const asStranger = { room_id: room, user_id: '@alice:other.test' }
    expect(await admin.refusal('POST', adminLinks, asStranger)).toEqual(forbidden)
    expect((await admin.get(adminLinks))['call_links']).toMatchObject([{ token }])
    const suspend = (is: boolean) =>
      admin.put(`/_synapse/admin/v1/suspend/${encodeURIComponent(alice.userId)}`, { suspend: is })
    await suspend(true)
    expect(await asGuest(server, token, 'join', { name: 'x' })).toMatchObject({ status: 403 })
    await suspend(false)

    await alice.setState(room, 'm.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2' })
    expect(await alice.refusal('POST', linksOf(room), {})).toEqual(forbidden)
    expect(await asGuest(server, token, 'join', { name: 'x' })).toMatchObject({ status: 403 })
  })

  test('where the room or the SFU refuses the guest, nothing of it stays behind', async () => {
    await using sfu = await FakeSfu.start()
    await using server = await start(sfu)
    const alice = await member(server, 'alice')
    const events = { [memberType]: 50 }
    const room = await alice.createRoom({ power_level_content_override: { events } })
    const { token } = await alice.post(linksOf(room))
    expect(await asGuest(server, token, 'join', { name: 'x' })).toMatchObject({ status: 403 })
    await server.server.settle()
    expect(Object.keys((await alice.get(`/rooms/${room}/joined_members`))['joined'])).toEqual([alice.userId])
  })
})

test('with calls.guest_links off nobody makes a link', async () => {
  await using sfu = await FakeSfu.start()
  await using server = await startServer({ config: [sfu.config, 'calls: { guest_links: false }'] })
  const alice = await server.register('alice')
  const room = await alice.createRoom()
  expect(await alice.refusal('POST', linksOf(room), {})).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
})

test("LiveKit's client comes from our own origin, and small", async () => {
  await using sfu = await FakeSfu.start()
  await using server = await startServer({ config: sfu.config })
  const answer = await fetch(`${server.url}/call/livekit-client.js`)
  expect(answer.headers.get('content-encoding')).toBe('gzip')
  expect(await answer.text()).toContain('LivekitClient')
})
