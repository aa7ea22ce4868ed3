import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Mailbox } from '../../../test/support/mailbox.ts'
import { startServer } from '../../../test/support/server.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { Database } from '../../storage/database.ts'
import { addThreePid } from '../../storage/threepids.ts'
import type { UserId } from '../../core/ids.ts'

const address = 'bob@example.org'
const minute = 60_000
const pusher = {
  kind: 'email',
  app_id: 'm.email',
  pushkey: 'Bob@Example.org',
  app_display_name: 'Email Notifications',
  device_display_name: 'Bob@Example.org',
  lang: 'en',
  data: { brand: 'Element' },
}

forEachDatabase(({ dialect }) => {
  test('who wants to be told by e-mail gets a letter of what he has not read', async () => {
    await using mailbox = await Mailbox.start()
    const clock = new FakeClock()
    await using server = await startServer({ database: dialect, config: mailbox.config, parts: { clock } })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const notHis = { status: 400, errcode: 'M_THREEPID_NOT_FOUND' }
    expect(await bob.refusal('POST', '/pushers/set', pusher)).toEqual(notHis)
    const database = await Database.open({ url: server.server.services.config.database.url })
    await database.transaction('add an address', (tx) =>
      addThreePid(tx, { userId: bob.userId as UserId, medium: 'email', address, validatedTs: 0, addedTs: 0 }),
    )
    await database.close()
    await bob.post('/pushers/set', pusher)
    expect(await alice.refusal('POST', '/pushers/set', pusher)).toEqual(notHis)
    expect((await bob.get('/pushers'))['pushers']).toMatchObject([{ kind: 'email', pushkey: address }])
    expect((await bob.get('/pushers'))['pushers'][0]).not.toHaveProperty('device_id')

    const roomId = await alice.createRoom({ preset: 'public_chat', name: 'Kitchen\r\nBcc: eve@evil.example' })
    await bob.post(`/rooms/${encodeURIComponent(roomId)}/join`)
    await alice.send(roomId, 'are you there?\nThe server has closed your account')
    while (mailbox.letters.length < 1) await clock.advance(minute)
    const [first] = mailbox.letters
    expect(first?.to).toEqual([address])
    expect(first?.source).toContain('Subject: Missed messages: Kitchen Bcc: eve@evil.example\r\n')
    expect(first?.source.replaceAll('=\r\n', '')).toContain('alice: are you there? The server has closed your account')

    const read = await alice.send(roomId, 'this he sees')
    await bob.post(`/rooms/${encodeURIComponent(roomId)}/receipt/m.read/${encodeURIComponent(read)}`)
    await alice.send(roomId, { algorithm: 'm.megolm.v1.aes-sha2', ciphertext: 'secret' }, 'm.room.encrypted')
    while (mailbox.letters.length < 2) await clock.advance(minute)
    expect(mailbox.letters[1]?.source).toContain('alice: an encrypted message')
    expect(mailbox.letters[1]?.source).not.toContain('this he sees')

    await bob.post('/account/3pid/delete', { medium: 'email', address })
    await alice.send(roomId, 'and now?')
    while ((await bob.get('/pushers'))['pushers'].length > 0) await clock.advance(10 * minute)
  })
})
