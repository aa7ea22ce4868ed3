import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { MatrixError } from './errors.ts'
import { compileEventFilter, compileFilter, parseFilter, parseRoomEventFilter } from './filter.ts'

describe('a filter is refused', () => {
  test.each([
    ['M_BAD_JSON', 'x', 'filter'],
    ['M_BAD_JSON', null, 'filter'],
    ['M_BAD_JSON', { presence: 'not an object' }, 'filter.presence'],
    ['M_BAD_JSON', { room: { timeline: 'not an object' } }, 'filter.room.timeline'],
    ['M_BAD_JSON', { room: { state: { types: 'm.room.name' } } }, 'filter.room.state.types'],
    ['M_BAD_JSON', { room: { state: { types: [1] } } }, 'filter.room.state.types.0'],
    ['M_BAD_JSON', { room: { timeline: { limit: '10' } } }, 'filter.room.timeline.limit'],
    ['M_BAD_JSON', { room: { timeline: { limit: 1.5 } } }, 'filter.room.timeline.limit'],
    ['M_INVALID_PARAM', { room: { timeline: { limit: -1 } } }, 'filter.room.timeline.limit'],
    ['M_INVALID_PARAM', { presence: { senders: ['not a user id'] } }, 'filter.presence.senders.0'],
    ['M_INVALID_PARAM', { room: { rooms: ['!r:a.example', 'no room id'] } }, 'filter.room.rooms.1'],
    ['M_INVALID_PARAM', { event_format: 'other' }, 'filter.event_format'],
  ])('with %s: %j', (errcode, json, path) => {
    expect(() => parseFilter(json)).toThrow(
      expect.objectContaining({ status: 400, errcode, message: expect.stringContaining(`${path}: `) }),
    )
  })

  test('or read, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        try {
          compileFilter(parseFilter({ room: { timeline: json, state: json }, presence: json }))
        } catch (error) {
          expect(error).toBeInstanceOf(MatrixError)
        }
      }),
    )
  })

  test('but not for keys of later versions', () => {
    expect(parseFilter({ 'org.example': 1, room: { timeline: { other: true, limit: 3 } } })).toEqual({
      room: { timeline: { limit: 3 } },
    })
  })
})

describe('events pass', () => {
  const message = { type: 'm.room.message', sender: '@a:x', content: { url: 'mxc://x/y' } }

  test.each([
    [true, {}],
    [true, { types: ['m.room.*'] }],
    [true, { types: ['m.*.message', 'other'] }],
    [false, { types: [] }],
    [false, { types: ['m.room.messag?'] }],
    [false, { types: ['m.room.*'], not_types: ['m.room.message'] }],
    [false, { not_types: ['*'] }],
    [true, { not_types: [], not_senders: [] }],
    [true, { senders: ['@a:x'] }],
    [false, { senders: ['@b:x'] }],
    [false, { senders: ['@a:x'], not_senders: ['@a:x'] }],
    [true, { contains_url: true }],
    [false, { contains_url: false }],
  ])('%s: %j', (passes, json) => {
    expect(compileEventFilter(parseRoomEventFilter(json)).passes(message)).toBe(passes)
  })

  test('without a sender only if no senders are asked for', () => {
    const event = { type: 'm.typing' }
    expect(compileEventFilter({ senders: ['@a:x'] }).passes(event)).toBe(false)
    expect(compileEventFilter({ not_senders: ['@a:x'] }).passes(event)).toBe(true)
  })

  test('all of them, as the compiled filter tells', () => {
    expect([{}, { limit: 5 }, { types: [] }].map((json) => compileEventFilter(json).passesAll)).toEqual([
      true,
      true,
      false,
    ])
  })
})

test('a compiled filter has what a sync asks for', () => {
  const filter = compileFilter(
    parseFilter({
      room: {
        rooms: ['!a:x', '!b:x'],
        not_rooms: ['!b:x'],
        include_leave: true,
        state: { lazy_load_members: true },
        timeline: {
          limit: 5000,
          not_rooms: ['!a:x'],
          unread_thread_notifications: true,
          related_by_rel_types: ['m.thread'],
        },
        account_data: { limit: 0 },
      },
      event_format: 'federation',
    }),
  )
  expect(['!a:x', '!b:x', '!c:x'].map((roomId) => filter.passesRoom(roomId))).toEqual([true, false, false])
  expect(filter).toMatchObject({
    includeLeave: true,
    eventFormat: 'federation',
    project: undefined,
    state: { lazyLoadMembers: true, includeRedundantMembers: false, limit: 10 },
    timeline: { limit: 100, unreadThreadNotifications: true, source: { related_by_rel_types: ['m.thread'] } },
    roomAccountData: { limit: 0 },
  })
  expect(filter.timeline.passesRoom('!a:x')).toBe(false)
  expect(compileFilter().passesRoom('!any')).toBe(true)
})

describe('of an event only the fields asked for are left', () => {
  const event = {
    type: 'm.room.message',
    content: { body: 'hi', 'm.relates_to': { rel_type: 'm.thread', event_id: '$a' }, list: [1] },
    sender: '@a:x',
  }
  test.each([
    [['type', 'content.body'], { type: 'm.room.message', content: { body: 'hi' } }],
    [['content.m\\.relates_to.rel_type'], { content: { 'm.relates_to': { rel_type: 'm.thread' } } }],
    [['content.body', 'content'], { content: event.content }],
    [['content.missing', 'content.list.0', 'type.x', '__proto__', 'toString'], {}],
    [[], {}],
  ])('%j', (fields, expected) => {
    expect(compileFilter({ event_fields: fields }).project?.(event)).toEqual(expected)
  })
})
