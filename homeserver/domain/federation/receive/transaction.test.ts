import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../../test/support/certificates.ts'
import { startBeside } from '../../../../test/support/hostile-server.ts'

const describeTls = hasOpenssl ? describe : describe.skip

describeTls('over TLS', () => {
  test('whoever waits for what has come to a room finds it there', async () => {
    const { federation, ours, evil } = await startBeside()
    await using _ = federation
    const alice = await ours.server.register('alice')
    const room = evil.room()
    await evil.letIn(room, alice)
    const { transactionReceiver: receiver, events } = ours.server.server.services
    const event = room.say('hello')
    const answer = receiver.receive({ origin: evil.name, txnId: '1', pdus: [event.pdu], edus: [] })
    await receiver.settled(room.roomId)
    expect((await events.find(event.eventId))?.row.stream_id).toEqual(expect.any(Number))
    expect(await answer).toEqual({ pdus: { [event.eventId]: {} } })
  })
})
