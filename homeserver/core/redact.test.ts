import { expect, test } from '@jest/globals'
import { encodeCanonical, parseJson } from './canonical-json.ts'
import type { JsonObject, Pdu } from './event.ts'
import { redact, redactContent } from './redact.ts'
import { type RoomVersionId, roomVersions } from './room-version.ts'

function contentIn(version: RoomVersionId, type: string, content: JsonObject): JsonObject {
  return redactContent(type, content, roomVersions[version].redaction)
}

test('a message loses its content, and the event what the version does not name', () => {
  const message = {
    type: 'm.room.message',
    content: { body: 'x' },
    origin: 'a',
    unsigned: {},
    depth: 1,
  } as unknown as Pdu
  expect(redact(message, roomVersions[10])).toEqual({ type: 'm.room.message', content: {}, origin: 'a', depth: 1 })
  expect(redact(message, roomVersions[11])).toEqual({ type: 'm.room.message', content: {}, depth: 1 })
})

test('a member keeps more from version to version', () => {
  const content = {
    membership: 'join',
    displayname: 'Alice',
    join_authorised_via_users_server: '@bob:b.example',
    third_party_invite: { display_name: 'a…', signed: { token: 'x' } },
  }
  const { membership, join_authorised_via_users_server } = content
  expect(contentIn('8', 'm.room.member', content)).toEqual({ membership })
  expect(contentIn('10', 'm.room.member', content)).toEqual({ membership, join_authorised_via_users_server })
  expect(contentIn('11', 'm.room.member', content)).toEqual({
    membership,
    join_authorised_via_users_server,
    third_party_invite: { signed: { token: 'x' } },
  })
  for (const third_party_invite of ['x', null, [], {}, { display_name: 'a…' }]) {
    expect(contentIn('11', 'm.room.member', { membership, third_party_invite })).toEqual({ membership })
  }
})

test('a create event is kept whole from version 11 on', () => {
  const content = { creator: '@alice:a.example', 'm.federate': false }
  expect(contentIn('10', 'm.room.create', content)).toEqual({ creator: '@alice:a.example' })
  expect(contentIn('11', 'm.room.create', content)).toBe(content)
})

test('names from the prototype of objects are no names', () => {
  const content = parseJson('{"__proto__":{"membership":"join"},"constructor":1}') as JsonObject
  expect(encodeCanonical(contentIn('11', 'm.room.member', content))).toBe('{}')
  for (const type of ['__proto__', 'constructor', 'toString']) expect(contentIn('11', type, content)).toEqual({})
})
