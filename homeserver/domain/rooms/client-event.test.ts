import { expect, test } from '@jest/globals'
import { encodeCanonical, topLevelSpan } from '../../core/canonical-json.ts'
import type { JsonObject } from '../../core/event.ts'
import { eventStatus, type EventRow, StoredEvent } from '../../storage/events.ts'
import { clientEventText, strippedStateText } from './client-event.ts'

function stored(pdu: JsonObject, row: Partial<EventRow> = {}): StoredEvent {
  const json = encodeCanonical({ type: 'm.room.message', sender: '@a:x', content: {}, origin_server_ts: 5, ...pdu })
  const span = topLevelSpan(json, 'content') ?? { start: 0, end: 0 }
  return new StoredEvent({
    nid: 1,
    event_id: '$id',
    room_id: '!room:x',
    stream_id: 1,
    depth: 1,
    type: typeof pdu['type'] === 'string' ? pdu['type'] : 'm.room.message',
    state_key: typeof pdu['state_key'] === 'string' ? pdu['state_key'] : null,
    sender: '@a:x',
    origin_server_ts: 5,
    state_group: 1,
    replaces_nid: null,
    status: eventStatus.accepted,
    redacted_by: null,
    thread_root: null,
    push: null,
    txn_device: 'DEV',
    txn_id: 'txn "1"',
    json,
    content_at: span.start,
    content_length: span.end - span.start,
    ...row,
  })
}

const read = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>

test('an event is told with its age and without what only servers need', () => {
  const event = stored({ content: { body: 'hé "x"' }, hashes: {}, depth: 4, prev_events: [] })
  expect(read(clientEventText(event, { now: 9 }))).toEqual({
    content: { body: 'hé "x"' },
    event_id: '$id',
    origin_server_ts: 5,
    room_id: '!room:x',
    sender: '@a:x',
    type: 'm.room.message',
    unsigned: { age: 4 },
  })
  expect(read(clientEventText(event, { now: 9, withRoomId: false }))).not.toHaveProperty('room_id')
})

test('only the session that sent an event is told its transaction id', () => {
  const unsignedFor = (userId: '@a:x' | '@b:x', device: string): unknown =>
    read(clientEventText(stored({}), { now: 5, session: { userId, device } }))['unsigned']
  expect(unsignedFor('@a:x', 'DEV')).toEqual({ age: 0, transaction_id: 'txn "1"' })
  expect(unsignedFor('@a:x', 'OTHER')).toEqual({ age: 0 })
  expect(unsignedFor('@b:x', 'DEV')).toEqual({ age: 0 })
})

test.each([
  ['beside the content', { redacts: '$target' }, {}],
  ['beside the content, with a reason', { redacts: '$target' }, { reason: 'spam' }],
  ['within the content', {}, { reason: 'spam', redacts: '$target' }],
])('a redaction that names its event %s names it at both places', (_, top, content) => {
  const event = stored({ type: 'm.room.redaction', content, ...top })
  const told = read(clientEventText(event, { now: 5 }))
  expect(told).toMatchObject({ redacts: '$target', content: { ...content, redacts: '$target' } })
})

test('a state event is told with what it replaced, with relations and with what redacted it', () => {
  const event = stored({ type: 'm.room.name', state_key: '', content: {} })
  const replaced = stored({ content: { name: 'old' } }, { event_id: '$old', sender: '@b:x' })
  const redaction = stored({ type: 'm.room.redaction', redacts: '$id' }, { event_id: '$redaction' })
  const around = { replaced, redaction, relations: '{"m.reference":{"chunk":[]}}', membership: 'join' }
  expect(read(clientEventText(event, { now: 5 }, around))).toMatchObject({
    state_key: '',
    unsigned: {
      prev_content: { name: 'old' },
      prev_sender: '@b:x',
      replaces_state: '$old',
      redacted_because: { event_id: '$redaction', content: { redacts: '$id' } },
      'm.relations': { 'm.reference': { chunk: [] } },
      membership: 'join',
    },
  })
})

test('the federation format is the PDU with its id, and with our unsigned instead of its own', () => {
  for (const pdu of [
    { unsigned: { age: 77 }, depth: 3 },
    { unsigned: { age: 77 }, zz: 1 },
    { event_id: '$id', depth: 3 },
  ]) {
    const told = read(clientEventText(stored({ ...pdu, hashes: { sha256: 'x' } }), { now: 6, format: 'federation' }))
    expect(told).toMatchObject({ ...pdu, event_id: '$id', hashes: { sha256: 'x' }, unsigned: { age: 1 } })
  }
})

test('stripped state has four members', () => {
  const event = stored({ type: 'm.room.name', state_key: '', content: { name: 'n' } })
  expect(read(strippedStateText(event))).toEqual({
    type: 'm.room.name',
    state_key: '',
    sender: '@a:x',
    content: { name: 'n' },
  })
})

test('a projection leaves only the fields asked for', () => {
  const project = ({ type }: JsonObject): JsonObject => (type === undefined ? {} : { type })
  expect(clientEventText(stored({}), { now: 5, project })).toBe('{"type":"m.room.message"}')
})
