/** The main job of the house: people with standard clients talk, encrypted. */
import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../support/databases.ts'
import { startServer } from '../support/server.ts'
import { Element, meet, until, verify } from './element.ts'

forEachDatabase(({ dialect }) => {
  test('two people verify each other, talk encrypted, lose a device and restore from the key backup', async () => {
    await using server = await startServer({ database: dialect })
    await using alice = await Element.start(server, 'alice', 'register')
    await using bob = await Element.start(server, 'bob', 'register')
    const recoveryKey = await alice.setUpRecovery()
    await bob.setUpRecovery()

    const room = await meet(alice, bob)

    await verify(alice, bob, room)
    await until('both trust each other', async () => (await alice.trusts(bob)) && (await bob.trusts(alice)))

    // A second device of alice, verified by the first, hears what is said from now on.
    await using tablet = await Element.start(server, 'alice', 'login')
    await verify(tablet, alice)
    const tabletId = tablet.client.getDeviceId() ?? ''
    await until('bob trusts the tablet', async () => {
      const status = await bob.crypto.getDeviceVerificationStatus(alice.userId, tabletId)
      return status?.crossSigningVerified === true
    })
    await bob.say(room, 'To both of your devices.')
    await tablet.hears(room, 'To both of your devices.')
    await alice.hears(room, 'To both of your devices.')

    // The first device is lost: it is gone from the account, and its keys come from the backup.
    // The SDK uploads after up to ten seconds.
    await until('the keys of both are backed up', async () => (await alice.backedUpSessions()) >= 2)
    await alice.client.logout(true)
    await using restored = await Element.start(server, 'alice', 'login')
    expect(await restored.recover(recoveryKey)).toBeGreaterThan(0)
    expect(await restored.readsHistory(room)).toEqual([
      'Is anybody at home?',
      'The domovoi is.',
      'To both of your devices.',
    ])
    await until('bob knows the new device', () => bob.knowsDevice(restored))
    await bob.say(room, 'Welcome back.')
    await restored.hears(room, 'Welcome back.')
  }, 120_000)

  test('a third reads history by rights: all of a shared room, nothing from before the invite elsewhere', async () => {
    await using server = await startServer({ database: dialect })
    await using alice = await Element.start(server, 'alice', 'register')
    await using carol = await Element.start(server, 'carol', 'register')
    const make = async (visibility: string): Promise<string> => {
      const { room_id: room } = await alice.client.createRoom({
        initial_state: [
          { type: 'm.room.history_visibility', state_key: '', content: { history_visibility: visibility } },
        ],
      })
      await alice.say(room, 'before the invite')
      await alice.client.invite(room, carol.userId)
      await alice.say(room, 'after the invite')
      await carol.join(room)
      await alice.say(room, 'after the join')
      await carol.hears(room, 'after the join')
      return room
    }
    expect(await carol.readsHistory(await make('shared'))).toEqual([
      'before the invite',
      'after the invite',
      'after the join',
    ])
    expect(await carol.readsHistory(await make('invited'))).toEqual(['after the invite', 'after the join'])
    expect(await carol.readsHistory(await make('joined'))).toEqual(['after the join'])
  }, 60_000)
})
