import { describe, expect, test } from '@jest/globals'
import { parseJson } from './canonical-json.ts'
import { checkPduFormat, referenceIds } from './event.ts'
import type { JsonObject } from './event.ts'
import { type RoomVersion, roomVersions } from './room-version.ts'

const id = '$BdTfPZa1Hk4ssY4pGJDJFRTJcMgkV1YVZLVVmZpLDkA'

function message(version: RoomVersion, changes: JsonObject = {}): JsonObject {
  const reference = version.eventIds === 'server' ? [id, { sha256: 'abc' }] : id
  return {
    type: 'm.room.message',
    sender: '@alice:example.org',
    room_id: version.roomIdIsCreateHash ? `!${id.slice(1)}` : '!room:example.org',
    ...(version.eventIds === 'server' && { event_id: '$1:example.org' }),
    content: { body: 'hello' },
    depth: 5,
    origin_server_ts: 1_700_000_000_000,
    prev_events: [reference],
    auth_events: [reference],
    hashes: { sha256: 'abc' },
    signatures: { 'example.org': { 'ed25519:1': 'abc' } },
    ...changes,
  }
}

describe.each(Object.values(roomVersions))('in room version $id', (version) => {
  test('a message is an event', () => {
    expect(checkPduFormat(message(version), version)).toBeUndefined()
    expect(
      checkPduFormat(message(version, { state_key: '', unsigned: {}, extra: null, depth: 0 }), version),
    ).toBeUndefined()
  })

  test.each([
    'type',
    'sender',
    'content',
    'depth',
    'origin_server_ts',
    'prev_events',
    'auth_events',
    'hashes',
    'signatures',
    'room_id',
  ])('%s is needed, and not of any type', (key) => {
    const { [key]: _missing, ...without } = message(version)
    expect(checkPduFormat(without, version)).toContain(key)
    for (const wrong of [null, 7.5, true, [1], 'x\0y']) {
      expect(checkPduFormat(message(version, { [key]: wrong }), version)).toContain(key)
    }
  })

  test.each(['-1', '9007199254740992', '1152921504606846976', '1.0', '1e3', '"1"'])('%s is no depth', (text) => {
    expect(checkPduFormat(message(version, { depth: parseJson(text) }), version)).toContain('depth')
  })

  test('there are at most 20 previous and 10 auth events', () => {
    const {
      prev_events: [one],
    } = message(version) as { prev_events: JsonObject[] }
    const many = (count: number): JsonObject[] => Array.from({ length: count }, () => one ?? {})
    expect(checkPduFormat(message(version, { prev_events: many(20), auth_events: many(10) }), version)).toBeUndefined()
    expect(checkPduFormat(message(version, { prev_events: many(21) }), version)).toContain('prev_events')
    expect(checkPduFormat(message(version, { auth_events: many(11) }), version)).toContain('auth_events')
  })

  test('references have the form of the version', () => {
    const other = version.eventIds === 'server' ? id : [id, { sha256: 'abc' }]
    for (const wrong of [other, 'abc', null, [id], [id, 'abc'], {}]) {
      expect(checkPduFormat(message(version, { prev_events: [wrong] }), version)).toContain('prev_events')
    }
  })

  test('names have at most 255 bytes, or before version 11 code points', () => {
    for (const key of ['type', 'state_key']) {
      const check = (text: string): string | undefined => checkPduFormat(message(version, { [key]: text }), version)
      expect(check('a'.repeat(255))).toBeUndefined()
      expect(check('😀'.repeat(63))).toBeUndefined()
      expect(check('😀'.repeat(64)) === undefined).toBe(!version.strictByteLimits)
      expect(check('😀'.repeat(256))).toContain(key)
      expect(check('a'.repeat(256))).toContain(key)
      expect(check('a\0')).toContain(key)
    }
    const sender = `@${'é'.repeat(200)}:example.org`
    expect(checkPduFormat(message(version, { sender }), version) === undefined).toBe(!version.strictByteLimits)
  })

  test('signatures are texts by server and key', () => {
    for (const signatures of [{ a: 1 }, { a: { 'ed25519:1': 1 } }, { a: [] }, []]) {
      expect(checkPduFormat(message(version, { signatures }), version)).toContain('signatures')
    }
    expect(checkPduFormat(message(version, { unsigned: [] }), version)).toContain('unsigned')
  })
})

test('from version 12 on only the create event has no room id', () => {
  const { room_id: roomId, ...create } = message(roomVersions[12], { type: 'm.room.create', state_key: '' })
  expect(checkPduFormat(create, roomVersions[12])).toBeUndefined()
  expect(checkPduFormat({ ...create, room_id: roomId }, roomVersions[12])).toContain('room_id')
  expect(checkPduFormat({ ...create, type: 'm.room.name' }, roomVersions[12])).toContain('room_id')
  expect(checkPduFormat(create, roomVersions[11])).toContain('room_id')
})

test('a redaction names an event', () => {
  const redaction = message(roomVersions[10], { type: 'm.room.redaction', redacts: 5 })
  expect(checkPduFormat(redaction, roomVersions[10])).toContain('redacts')
  expect(
    checkPduFormat(message(roomVersions[11], { type: 'm.room.redaction', redacts: 5 }), roomVersions[11]),
  ).toBeUndefined()
})

test('referenceIds reads both forms', () => {
  expect(referenceIds([['$a:b', { sha256: 'x' }], '$c'])).toEqual(['$a:b', '$c'])
})
