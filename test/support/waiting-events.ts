/** Events that were left with a server to be sent later: of a hundred users, as many as are wanted. */
import { addDelayedEvent } from '../../homeserver/storage/delayed-events.ts'
import { Database } from '../../homeserver/storage/database.ts'

/** They are due one millisecond after the other, the first at `fireTs`. */
export async function addWaitingEvents(databaseUrl: string, count: number, fireTs: number): Promise<void> {
  const database = await Database.open({ url: databaseUrl })
  await database.transaction('add waiting events', async (tx) => {
    for (let n = 0; n < count; n++) {
      await addDelayedEvent(tx, {
        delay_id: `waiting${n}`,
        user_id: `@user${n % 100}:hs.test`,
        device: 'DEVICE',
        txn_id: null,
        room_id: `!room${n % 1000}:hs.test`,
        type: 'com.example.test',
        state_key: String(n),
        content: '{}',
        delay_ms: 3_600_000,
        sticky_ms: null,
        since_ts: fireTs - 3_600_000,
        fire_ts: fireTs + n,
        attempts: 0,
        finalised_ts: null,
        outcome: null,
        event_id: null,
        error: null,
      })
    }
  })
  await database.close()
}
