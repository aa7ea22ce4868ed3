/** A bridge as others write them: by matrix-appservice-bridge, which many of the bridges in use are made with. */
import { writeFile } from 'node:fs/promises'
import { expect, test } from '@jest/globals'
import { AppServiceRegistration, Bridge, type WeakEvent } from 'matrix-appservice-bridge'
import { freePort } from '../../homeserver/domain/rtc/run-livekit.ts'
import { forEachDatabase } from '../support/databases.ts'
import { Place } from '../support/program.ts'
import { startServer } from '../support/server.ts'

const encoded = encodeURIComponent

forEachDatabase(({ dialect: database }) => {
  test('a bridge of the SDK makes users and rooms on demand, hears, speaks as its users and names its network', async () => {
    await using place = await Place.make()
    const port = await freePort()
    const registration = {
      id: 'sdk',
      url: `http://127.0.0.1:${port}`,
      as_token: 'as_token-of-sdk',
      hs_token: 'hs_token-of-sdk',
      sender_localpart: 'sdkbot',
      protocols: ['sdk'],
      namespaces: {
        users: [{ regex: '@sdk_.*', exclusive: true }],
        aliases: [{ regex: '#sdk_.*', exclusive: true }],
        rooms: [],
      },
      'de.sorunome.msc2409.push_ephemeral': true,
    }
    await writeFile(place.path('sdk.yaml'), JSON.stringify(registration))
    await using server = await startServer({ database, config: `appservices: ['${place.path('sdk.yaml')}']` })

    const heard: WeakEvent[] = []
    const ephemeral: unknown[] = []
    let wake = Promise.withResolvers<void>()
    const until = async (isSo: () => boolean): Promise<void> => {
      while (!isSo()) {
        await wake.promise
        wake = Promise.withResolvers()
      }
    }
    const bridge = new Bridge({
      homeserverUrl: server.url,
      domain: 'hs.test',
      registration: AppServiceRegistration.fromObject(registration),
      disableStores: true,
      suppressEcho: false,
      controller: {
        onEvent: (request) => {
          heard.push(request.getData())
          wake.resolve()
        },
        onEphemeralEvent: (request) => {
          ephemeral.push(request.getData())
          wake.resolve()
        },
        onUserQuery: () => ({ name: 'Bob of the network' }),
        onAliasQuery: () => ({
          creationOpts: {
            room_alias_name: 'sdk_kitchen',
            preset: 'public_chat',
            power_level_content_override: { invite: 0 },
          },
        }),
        thirdPartyLookup: {
          protocols: ['sdk'],
          getProtocol: () =>
            Promise.resolve({ user_fields: ['nick'], location_fields: [], icon: '', field_types: {}, instances: [] }),
          getUser: (_, { nick }) =>
            Promise.resolve([{ userid: `@sdk_${String(nick)}:hs.test`, protocol: 'sdk', fields: {} }]),
        },
      },
    })
    await bridge.run(port, undefined, '127.0.0.1')
    try {
      const alice = await server.register('alice')
      const { room_id: roomId } = await alice.post(`/join/${encoded('#sdk_kitchen:hs.test')}`)
      await until(() => heard.some(({ sender }) => sender === alice.userId))
      const eventId = await alice.send(roomId as string, 'hello')
      await until(() => heard.some((event) => event.event_id === eventId))

      const ghost = '@sdk_bob:hs.test'
      await alice.post(`/rooms/${encoded(roomId as string)}/invite`, { user_id: ghost })
      await until(() => heard.some(({ state_key: key }) => key === ghost))
      expect((await alice.get(`/profile/${ghost}`))['displayname']).toBe('Bob of the network')
      const intent = bridge.getIntent(ghost)
      await intent.join(roomId as string)
      const { event_id: answered } = await intent.sendText(roomId as string, 'hello yourself')
      expect(await alice.get(`/rooms/${encoded(roomId as string)}/event/${encoded(answered)}`)).toMatchObject({
        sender: ghost,
        content: { body: 'hello yourself' },
      })
      await alice.put(`/rooms/${encoded(roomId as string)}/typing/${alice.userId}`, { typing: true })
      await until(() => ephemeral.length > 0)
      expect(ephemeral).toContainEqual({ type: 'm.typing', room_id: roomId, content: { user_ids: [alice.userId] } })

      expect(await alice.get('/thirdparty/user/sdk?nick=bob')).toEqual([{ userid: ghost, protocol: 'sdk', fields: {} }])
      expect(await alice.get('/thirdparty/protocols')).toMatchObject({ sdk: { user_fields: ['nick'] } })
    } finally {
      await bridge.close()
    }
  })
})
