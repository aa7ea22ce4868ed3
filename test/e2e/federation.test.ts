/** People with standard clients on servers of their own talk, encrypted. */
import { randomBytes } from 'node:crypto'
import { describe, jest, test } from '@jest/globals'
import { signingKeyFromSeed } from '../../homeserver/core/signing.ts'
import { hasOpenssl } from '../support/certificates.ts'
import { forEachDatabase, freshDatabaseUrl } from '../support/databases.ts'
import { Federation } from '../support/federation.ts'
import { Element, meet, until, verify } from './element.ts'

const describeTls = hasOpenssl ? describe : describe.skip

// Clients of others take part, each with a pace of its own: one failure is told and tried again, two count. See docs/testing.md.
jest.retryTimes(1, { logErrorsBeforeRetry: true })

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test('two people on two servers talk encrypted, verify each other, and lose nothing when one server is away', async () => {
      await using federation = await Federation.make('hs1.test', 'hs2.test')
      const hs1 = await federation.start('hs1.test', { database: dialect })
      const [url, signingKeys] = [await freshDatabaseUrl(dialect), [signingKeyFromSeed('k', randomBytes(32))] as const]
      const database = `database: { url: '${url}' }`
      const hs2 = await federation.start('hs2.test', { config: database, parts: { signingKeys } })
      await using alice = await Element.start(hs1.server, 'alice', 'register')
      await using bob = await Element.start(hs2.server, 'bob', 'register')
      await alice.setUpRecovery()
      await bob.setUpRecovery()

      const room = await meet(alice, bob)

      await verify(alice, bob, room)
      await until('both trust each other', async () => (await alice.trusts(bob)) && (await bob.trusts(alice)))

      // Another device of bob, verified by the first: alice trusts and reaches it without having seen it.
      await using tablet = await Element.start(hs2.server, 'bob', 'login')
      await verify(tablet, bob)
      await until('alice trusts the tablet', async () => {
        const deviceId = tablet.client.getDeviceId() ?? ''
        return (await alice.crypto.getDeviceVerificationStatus(bob.userId, deviceId))?.crossSigningVerified === true
      })
      await alice.say(room, 'To both of your devices.')
      await tablet.hears(room, 'To both of your devices.')

      const listen = `listen: { host: 127.0.0.1, port: ${hs2.server.server.port} }`
      await hs2.server.server.stop()
      await alice.say(room, 'While you were away.')
      await federation.start('hs2.test', { config: [database, listen], parts: { signingKeys } })
      // hs1 tries a server that it hears of; else it might be a minute until its next try.
      await bob.say(room, 'Back again.')
      await alice.hears(room, 'Back again.')
      await bob.hears(room, 'While you were away.')
      await tablet.hears(room, 'While you were away.')
    }, 180_000)
  })
})
