import { describe, expect, test } from '@jest/globals'
import { createPublicKey } from 'node:crypto'
import type { EventId } from '../../../core/ids.ts'
import type { FinishedEvent } from '../../../core/pdu.ts'
import { roomVersions } from '../../../core/room-version.ts'
import { signingKeyFromSeed, type Verifier } from '../../../core/signing.ts'
import { PeerRoom } from '../../../../test/support/peer-room.ts'
import { ToldEvents } from './told-events.ts'
import { EventVerifier, type Keys } from './verify-event.ts'

const serverName = 'them.test'
const key = signingKeyFromSeed('a', Buffer.alloc(32, 1))
const verifier: Verifier = { serverName, keyId: key.keyId, publicKey: createPublicKey(key.privateKey) }

/** Has the key, or gets it when somebody asks for it. */
function keysOf({ isKnown }: { isKnown: boolean }): Keys & { readonly sought: string[] } {
  const sought: string[] = []
  return {
    sought,
    has: () => isKnown,
    warm: () => Promise.resolve(),
    verifierFor: (server, keyId) => {
      if (!isKnown) sought.push(keyId)
      return Promise.resolve(server === serverName && keyId === key.keyId ? verifier : undefined)
    },
  }
}

async function idsFrom(told: ToldEvents): Promise<EventId[]> {
  const ids: EventId[] = []
  for await (const events of told.verified()) ids.push(...events.map(({ eventId }) => eventId))
  return ids
}

describe.each([true, false])('the events of a room, where keys are known: %j', (isKnown) => {
  const room = new PeerRoom(roomVersions['11'], { serverName, key })
  const member = room.member(`@m:${serverName}`, 'join')
  const all = [...room.events.values()]
  const start = (keys: Keys = keysOf({ isKnown })): ToldEvents => new ToldEvents(room, new EventVerifier({ keys }))

  test('come out verified, cited ones first, and once', async () => {
    const told = start()
    for (const { json } of [...all.toReversed(), ...all]) await told.add(json)
    const ids = await idsFrom(told)
    expect(ids.toSorted()).toEqual([...room.events.keys()].toSorted())
    for (const { eventId, pdu } of all) {
      for (const cited of pdu.auth_events) expect(ids.indexOf(cited as EventId)).toBeLessThan(ids.indexOf(eventId))
    }
  })

  test('do not count where a signature is wrong', async () => {
    const told = start()
    const signature = member.pdu.signatures?.[serverName]?.[key.keyId] ?? ''
    const wrong = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    for (const { json } of all) await told.add(json.replace(signature, wrong))
    const ids = await idsFrom(told)
    expect(ids).toHaveLength(all.length - 1)
    expect(ids).not.toContain(member.eventId)
  })

  test('are none where a text is not an event of this room', async () => {
    const told = start()
    for (const text of ['[]', '{}', 'null', '{', member.json.replaceAll(room.roomId, '!other:them.test')]) {
      expect(await told.add(text)).toBeUndefined()
    }
    expect(await idsFrom(told)).toEqual([])
  })
})

test('keys that are not known are asked for once, before they are needed', async () => {
  const keys = keysOf({ isKnown: false })
  const room = new PeerRoom(roomVersions['11'], { serverName, key })
  const told = new ToldEvents(room, new EventVerifier({ keys }))
  for (let n = 0; n < 500; n++) await told.add(room.member(`@m${n}:${serverName}`, 'join').json)
  expect(keys.sought).toEqual([key.keyId])
})

describe('of servers that are made up', () => {
  /** An event of each, signed by whatever key. */
  function* strangers(room: PeerRoom, count: number): Generator<FinishedEvent> {
    for (let n = 0; n < count; n++) {
      const signer = { serverName: `s${n}.test`, key }
      yield room.make({ type: 'm.room.message', sender: `@m:s${n}.test`, signer })
    }
  }

  test('no more keys are asked for when nobody wants the events any more', async () => {
    const asked: string[] = []
    const answer = Promise.withResolvers<undefined>()
    const keys: Keys = {
      ...keysOf({ isKnown: false }),
      verifierFor: (server) => {
        asked.push(server)
        return answer.promise
      },
    }
    const room = new PeerRoom(roomVersions['11'], { serverName, key })
    const told = new ToldEvents(room, new EventVerifier({ keys }))
    for (const { json } of strangers(room, 600)) await told.add(json)
    const before = asked.length
    expect(before).toBeLessThan(600)
    told[Symbol.dispose]()
    answer.resolve(undefined)
    expect(await idsFrom(told)).toEqual([])
    expect(asked).toHaveLength(before)
  })

  test('none are asked for when the time is over', async () => {
    const keys = keysOf({ isKnown: false })
    const room = new PeerRoom(roomVersions['11'], { serverName, key })
    const pdus = [...strangers(room, 3)].map(({ pdu }) => pdu)
    const verifier = new EventVerifier({ keys })
    const { events, refusals } = await verifier.verifyAll(room.version, room.roomId, pdus, AbortSignal.abort())
    expect([events, refusals.length, keys.sought]).toEqual([[], 3, []])
  })
})
