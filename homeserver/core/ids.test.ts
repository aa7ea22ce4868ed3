import { describe, expect, test } from '@jest/globals'
import {
  fitsId,
  isCompliantUserId,
  isEventId,
  isHashedRoomId,
  isRoomAlias,
  isRoomId,
  isServerName,
  isServerRoomId,
  isUserId,
  isUserLocalpart,
  localpartOf,
  parseMxc,
  parseUserId,
  serverNameOf,
} from './ids.ts'

const hash = 'BdTfPZa1Hk4ssY4pGJDJFRTJcMgkV1YVZLVVmZpLDkA'

test.each(['matrix.org', 'matrix.org:8888', '1.2.3.4', '1.2.3.4:1234', '[1234:5678::abcd]', '[::1]:5678', 'localhost'])(
  '%s is a server name',
  (name) => expect(isServerName(name)).toBe(true),
)

test.each([
  '',
  ':80',
  'a:',
  'a:123456',
  'a:b',
  'ex ample',
  'a/b',
  'a_b',
  '[::1',
  '::1',
  '[g::]',
  'é.org',
  'a\0',
  'a\n',
  'a'.repeat(256),
])('%j is no server name', (name) => expect(isServerName(name)).toBe(false))

describe('user ids', () => {
  test.each(['@alice:example.org', '@alice:example.org:8448', '@:example.org', '@Ål ice/\u0007:[::1]:1', '@a@b:c'])(
    '%j is one in the historical grammar',
    (id) => expect(isUserId(id)).toBe(true),
  )

  test.each([
    'alice:example.org',
    '@alice',
    '@alice:',
    '@a\0b:c',
    '@\ud800:c',
    `@${'a'.repeat(300)}:c`,
    `@${'é'.repeat(130)}:c`,
    7,
    null,
  ])('%j is none', (id) => expect(isUserId(id)).toBe(false))

  test('have two parts', () => {
    expect(parseUserId('@alice:example.org:8448')).toEqual({ localpart: 'alice', server: 'example.org:8448' })
    expect(localpartOf('@alice:example.org:8448')).toBe('alice')
    expect(serverNameOf('@alice:example.org:8448')).toBe('example.org:8448')
  })

  test('new ones are narrower, and so are those shown to clients', () => {
    expect(['alice', 'a.b_c=d-e/f+0'].every(isUserLocalpart)).toBe(true)
    expect(['', 'Alice', 'a b', 'é', 'a:b', 'a\n'].some(isUserLocalpart)).toBe(false)
    expect(isCompliantUserId('@Alice!:c')).toBe(true)
    expect(['@:c', '@a b:c', '@é:c'].some(isCompliantUserId)).toBe(false)
  })
})

test('room ids have a server name or a hash', () => {
  expect([`!${hash}`, '!abc:example.org', '!a b:c:1'].every(isRoomId)).toBe(true)
  expect(['!abc', '!:c', `!${hash}x`, `!${hash.slice(1)}/`, '#a:c', '!a\0:c', undefined].some(isRoomId)).toBe(false)
  expect(isHashedRoomId('!abc:example.org')).toBe(false)
  expect(isServerRoomId(`!${hash}`)).toBe(false)
  expect(serverNameOf(`!${hash}`)).toBeUndefined()
  expect(serverNameOf('!abc:example.org:1')).toBe('example.org:1')
})

test('event ids are opaque', () => {
  expect([`$${hash}`, '$a/+b', '$1:example.org'].every(isEventId)).toBe(true)
  expect(['$', 'abc', '$a\0', `$${'a'.repeat(255)}`, 1].some(isEventId)).toBe(false)
})

test('aliases have a localpart of any characters', () => {
  expect(['#room:example.org', '#дом и сад:c', '##:c'].every(isRoomAlias)).toBe(true)
  expect(['#:c', '#a', 'a:c', '#a\0:c', '#a:b c', `#${'é'.repeat(127)}:c`].some(isRoomAlias)).toBe(false)
})

test('content URIs cannot lead elsewhere', () => {
  expect(parseMxc('mxc://example.org:8448/Ab_-9')).toEqual({ server: 'example.org:8448', mediaId: 'Ab_-9' })
  for (const uri of [
    'mxc://c/',
    'mxc:///a',
    'mxc://c/../a',
    'mxc://c/a/b',
    'mxc://c/a.b',
    'mxc://c/a?b',
    'http://c/a',
    'mxc://../a b',
  ]) {
    expect(parseMxc(uri)).toBeUndefined()
  }
})

test('lengths are counted in bytes', () => {
  expect(fitsId('a'.repeat(255))).toBe(true)
  expect(fitsId('a'.repeat(256))).toBe(false)
  expect(fitsId('😀'.repeat(63))).toBe(true)
  expect(fitsId('😀'.repeat(64))).toBe(false)
})
