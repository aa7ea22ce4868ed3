import { createHmac } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Hooked, Receiver, type Told } from '../../test/support/webhooks.ts'

/** As receivers check it. */
function signatureOf({ headers, raw }: Told, secret: string): string {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${raw}`
  return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
}

forEachDatabase(({ dialect }) => {
  test('an address is told of what is said, signed, in order, and only of what it asked for', async () => {
    await using receiver = await Receiver.start()
    await using hooked = await Hooked.start(dialect)
    const { alice, roomId } = hooked
    expect(await hooked.command(`!webhook out ${receiver.url} type=m.room.message match=deploy*now`)).toMatch(/is told/)
    const secret = await hooked.secret(/whsec_\S+/)
    await alice.send(roomId, 'nothing for it')
    await alice.send(roomId, { msgtype: 'm.text', body: { odd: true } })
    const eventId = await alice.send(roomId, 'please Deploy it now!')
    await alice.send(roomId, 'deploy this now')
    const [first, second] = await receiver.until(2)
    expect(first?.body).toMatchObject({
      room_id: roomId,
      text: 'please Deploy it now!',
      event: { event_id: eventId, type: 'm.room.message', sender: alice.userId },
    })
    expect(second?.body['text']).toBe('deploy this now')
    expect(first && signatureOf(first, secret)).toBe(first?.headers['webhook-signature'])
  })

  test('T103: what leads inside is not called, webhooks do not answer each other, and encrypted rooms are refused', async () => {
    await using receiver = await Receiver.start()
    await using hooked = await Hooked.start(dialect)
    const { alice, roomId } = hooked
    const { path } = await hooked.add('Build')
    for (const address of ['file:///etc/passwd', 'http://user:pass@example.org/', 'nothing']) {
      expect(await hooked.command(`!webhook out ${address}`)).toMatch(/^It needs an address/)
    }
    expect(await hooked.command(`!webhook out ${receiver.url} odd`)).toMatch(/^Behind the address/)
    await hooked.command(`!webhook out http://10.0.0.1/`)
    await hooked.command(`!webhook out ${receiver.url}`)
    await hooked.said(path, 'from a webhook')
    await alice.send(roomId, 'from Alice')
    expect((await receiver.until(1)).map(({ body }) => body['text'] as string)).toEqual(['from Alice'])
    await alice.setState(roomId, 'm.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2' })
    expect(await hooked.command(`!webhook out ${receiver.url}`)).toMatch(/^This room is encrypted/)
  })
})
