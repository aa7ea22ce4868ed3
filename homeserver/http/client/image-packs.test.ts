import { expect, test } from '@jest/globals'
import { registerAdmin } from '../../../test/support/admin.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'
import { slide } from '../../../test/support/sliding.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

const encoded = encodeURIComponent

/** So many pictures of the size that other clients make them. */
function pack(count: number): Json {
  const image = (n: number): Json => ({
    url: `mxc://hs.test/${'a'.repeat(24)}${n}`,
    body: `picture ${n}`,
    info: { w: 512, h: 512, size: 40_000, mimetype: 'image/webp' },
    usage: ['sticker'],
  })
  const images = Object.fromEntries(Array.from({ length: count }, (_, n) => [`shortcode_${n}`, image(n)]))
  return { images, pack: { display_name: 'Pack', usage: ['emoticon', 'sticker'] } }
}

/** By the names in the specification, and those that clients know from before (MSC2545). */
const roomTypes = ['m.room.image_pack', 'im.ponies.room_emotes']
const ownTypes = ['m.image_pack.rooms', 'im.ponies.emote_rooms', 'im.ponies.user_emotes']

forEachDatabase(({ dialect: database }) => {
  test('image packs of rooms and people come to their clients as they were made, and are exported', async () => {
    await using server = await startServer({ database })
    const [admin, alice] = [await registerAdmin(server), await server.register('alice')]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    // Names of state keys are those of the packs, in any words.
    const keys = ['', 'cats', 'Katzen & Kätzchen/ü']
    for (const type of roomTypes) for (const key of keys) await alice.setState(roomId, type, pack(120), key)
    const mine = pack(1_000)
    const contents: Json = {
      'm.image_pack.rooms': { rooms: { [roomId]: { cats: {} } } },
      'im.ponies.emote_rooms': { rooms: { [roomId]: { cats: {} } } },
      'im.ponies.user_emotes': mine,
    }
    for (const type of ownTypes) await alice.put(`/user/${encoded(alice.userId)}/account_data/${type}`, contents[type])

    const { rooms, account_data: own } = await alice.sync()
    const { state, timeline } = rooms.join[roomId] as { state: { events: Json[] }; timeline: { events: Json[] } }
    const packs = [...state.events, ...timeline.events].filter(({ type }) => roomTypes.includes(type as string))
    expect(packs.map(({ type, state_key: key }) => `${type} ${key}`).toSorted()).toEqual(
      roomTypes.flatMap((type) => keys.map((key) => `${type} ${key}`)).toSorted(),
    )
    for (const { content } of packs) expect(content).toEqual(pack(120))
    const told = new Map((own.events as Json[]).map(({ type, content }) => [type as string, content as Json]))
    for (const type of ownTypes) expect([type, told.get(type)]).toEqual([type, contents[type]])

    const slid = await slide(alice, {
      lists: { all: { ranges: [[0, 9]], timeline_limit: 1, required_state: roomTypes.map((type) => [type, '*']) } },
      extensions: { account_data: { enabled: true } },
    })
    expect(slid['rooms'][roomId].required_state).toHaveLength(packs.length)
    expect(slid['extensions'].account_data.global).toContainEqual({ type: 'im.ponies.user_emotes', content: mine })

    await alice.send(roomId, { body: 'picture 1', url: mine['images'].shortcode_1.url, info: {} }, 'm.sticker')
    const exported = await admin.get(`/_domovoi/admin/v1/users/${encoded(alice.userId)}/export`)
    expect(JSON.stringify(exported)).toContain('"im.ponies.user_emotes"')
    expect(JSON.stringify(exported)).toContain('shortcode_999')
  })

  test('a pack that is too large for an event is refused, and changes nothing', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const path = `/rooms/${encoded(roomId)}/state/m.room.image_pack/cats`
    expect(await alice.refusal('PUT', path, pack(1_000))).toEqual({ status: 413, errcode: 'M_TOO_LARGE' })
    expect(await alice.refusal('GET', path)).toMatchObject({ status: 404 })
  })
})
