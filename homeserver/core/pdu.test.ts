import { describe, expect, test } from '@jest/globals'
import { encodeCanonical, parseJson } from './canonical-json.ts'
import { maxEventBytes } from './event.ts'
import type { JsonObject, Pdu } from './event.ts'
import { contentHash, identify } from './hash.ts'
import { finishEvent, receiveEvent } from './pdu.ts'
import type { ReceivedEvent } from './pdu.ts'
import { redact } from './redact.ts'
import { type RoomVersion, roomVersions } from './room-version.ts'
import { publicKeyFrom, signingKeyFromSeed, verifyEvent } from './signing.ts'

const key = signingKeyFromSeed('test', Buffer.alloc(32, 1))
const signer = { serverName: 'example.org', key }
const badJson = expect.objectContaining({ errcode: 'M_BAD_JSON' })
const tooLarge = expect.objectContaining({ errcode: 'M_TOO_LARGE', status: 413 })

function draft(version: RoomVersion, changes: JsonObject = {}): Pdu {
  return {
    type: 'm.room.message',
    sender: '@alice:example.org',
    room_id: version.roomIdIsCreateHash ? '!BdTfPZa1Hk4ssY4pGJDJFRTJcMgkV1YVZLVVmZpLDkA' : '!room:example.org',
    ...(version.eventIds === 'server' && { event_id: '$1:example.org' }),
    content: { body: 'hello' },
    depth: 5,
    origin_server_ts: 1_700_000_000_000,
    prev_events: [],
    auth_events: [],
    ...changes,
  }
}

function received(value: JsonObject, version: RoomVersion): ReceivedEvent {
  const result = receiveEvent(value, version)
  if ('reason' in result) throw new Error(result.reason)
  return result
}

function reasonOf(value: JsonObject, version: RoomVersion): string {
  const result = receiveEvent(value, version)
  return 'reason' in result ? result.reason : 'none'
}

describe.each(Object.values(roomVersions))('in room version $id', (version) => {
  const finished = finishEvent(draft(version), version, signer)

  test('a finished event is what the separate functions make', () => {
    expect(finished.json).toBe(encodeCanonical(finished.pdu, version))
    expect(finished.pdu.hashes).toEqual({ sha256: contentHash(draft(version), version) })
    expect(identify(finished.pdu, version)).toEqual({
      eventId: finished.eventId,
      roomId: finished.roomId,
      pdu: finished.pdu,
    })
    const publicKey = publicKeyFrom(key.publicKey)
    if (publicKey === undefined) throw new Error('No public key')
    expect(verifyEvent(finished.pdu, version, { serverName: 'example.org', keyId: 'ed25519:test', publicKey })).toBe(
      true,
    )
  })

  test('another server gets the same event', () => {
    const event = received(parseJson(finished.json) as JsonObject, version)
    expect(event).toMatchObject({
      eventId: finished.eventId,
      roomId: finished.roomId,
      json: finished.json,
      hashMatches: true,
    })
  })

  test('an altered content fails its hash, and what is left after redaction keeps the id', () => {
    const altered = received({ ...finished.pdu, content: { body: 'hallo' } }, version)
    expect(altered.hashMatches).toBe(false)
    expect(altered.eventId).toBe(finished.eventId)
    expect(identify(redact(altered.pdu, version), version).eventId).toBe(finished.eventId)
  })

  test('numbers are taken as the version wants', () => {
    for (const content of [{ n: 1.5 }, parseJson('{"n":1.0}'), { n: 2n ** 60n }]) {
      const odd = draft(version, { content })
      if (version.strictCanonicalJson) {
        expect(() => finishEvent(odd, version, signer)).toThrow(badJson)
        expect(reasonOf({ ...finished.pdu, content }, version)).toContain('integer')
      } else {
        const event = finishEvent(odd, version, signer)
        expect(received(parseJson(event.json) as JsonObject, version)).toMatchObject({
          eventId: event.eventId,
          hashMatches: true,
        })
      }
    }
  })

  test('an event has at most 65,536 bytes, signatures included', () => {
    const room = maxEventBytes - Buffer.byteLength(finished.json) + 'hello'.length
    const sized = (length: number): Pdu =>
      draft(version, { content: { body: 'é'.repeat(length >> 1) + 'a'.repeat(length & 1) } })
    for (const length of [room - 1, room]) {
      const { pdu, json } = finishEvent(sized(length), version, signer)
      expect(Buffer.byteLength(json)).toBe(maxEventBytes - room + length)
      expect(received(pdu, version).hashMatches).toBe(true)
      expect(reasonOf({ ...pdu, unsigned: { age: 1 } }, version)).toContain('bytes')
    }
    expect(() => finishEvent(sized(room + 1), version, signer)).toThrow(tooLarge)
  })

  test('names of new events have at most 255 bytes and no U+0000', () => {
    for (const name of ['type', 'state_key', 'sender', 'room_id', 'event_id']) {
      expect(() => finishEvent(draft(version, { [name]: 'é'.repeat(128) }), version, signer)).toThrow(tooLarge)
      expect(() => finishEvent(draft(version, { [name]: 'a\0b' }), version, signer)).toThrow(badJson)
    }
  })

  test('values that are no events have a reason', () => {
    expect(reasonOf({}, version)).toContain('type')
    expect(reasonOf({ ...finished.pdu, content: { '\ud800': 1 } }, version)).toContain('surrogate')
    expect(reasonOf({ ...finished.pdu, depth: 2 ** 60 }, version)).toContain('depth')
  })
})

test('a create event of room version 12 names its room', () => {
  const { room_id: _roomId, ...create } = draft(roomVersions[12], { type: 'm.room.create', state_key: '' })
  const { eventId, roomId, json } = finishEvent(create, roomVersions[12], signer)
  expect(roomId).toBe(`!${eventId.slice(1)}`)
  expect(json).not.toContain('room_id')
})

test('signatures of others stay when an event is finished', () => {
  const signatures = { 'matrix.org': { 'ed25519:0': 'abc' } }
  const { pdu } = finishEvent(draft(roomVersions[11], { signatures }), roomVersions[11], signer)
  expect(Object.keys(pdu.signatures ?? {})).toEqual(['matrix.org', 'example.org'])
})
