import { expect, test } from '@jest/globals'
import { identityOf, plainIdentityOf, ROOM_SLOT, sfuRoomOf } from './names.ts'

test('rtc 2: rooms and participants have the names that other implementations compute', () => {
  expect(sfuRoomOf('!roomid:example.com', 'slot1234')).toBe('O8437W3+jmzMVjoIP3tNwbm+XxHQk2iKpOA7aqw3qSc')
  expect(sfuRoomOf('!room:example.com', ROOM_SLOT)).toBe('krj2dgxw2K6EOm9he4GfQJ6JsSVWfJ8a7BkyjZcSmxs')
  const alice = '@alice:example.com'
  expect(identityOf({ userId: alice, deviceId: undefined, memberId: 'memberABC' })).toBe(
    'M3VnsLXrkbxIDINXO64u8PZzFyD9ZYFiQULR2dshWYs',
  )
  expect(identityOf({ userId: alice, deviceId: 'DEVICE', memberId: 'member-1' })).toBe(
    'vYVt8NUMTb0rAawkFqilcAtxKgY26U3Ab7R9INviNnU',
  )
  expect(plainIdentityOf(alice, 'DEVICE')).toBe('@alice:example.com:DEVICE')
})

test('rtc 2: characters that some encoders escape are hashed as they are', () => {
  // sha256 of ["!r:x","a&<>\u2028"] in UTF-8 by `sha256sum`
  expect(sfuRoomOf('!r:x', 'a&<>\u2028')).toBe('FFNQ20XbkQzI0q+Az41t/LcHfTigem8KcKJpjdurzIk')
})
