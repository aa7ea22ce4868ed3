import { expect, test } from '@jest/globals'
import { Permissions } from './permissions.ts'

test('people of this server may bridge, and others are relayed, unless the settings say otherwise', () => {
  const usual = new Permissions('hs.test')
  expect(['@a:hs.test', '@a:other.test'].map((userId) => usual.roleOf(userId))).toEqual(['user', 'relay'])
  expect(usual.admins).toEqual([])
})

test('what is said of a user goes before what is said of their server, and that before what is said of everybody', () => {
  const given = { '*': 'user', 'hs.test:8448': 'relay', '@kim:hs.test:8448': 'admin', 'other.test': 'admin' } as const
  const permissions = new Permissions('hs.test:8448', given)
  const people = ['@a:hs.test:8448', '@kim:hs.test:8448', '@a:other.test', '@a:third.test']
  expect(people.map((userId) => permissions.roleOf(userId))).toEqual(['relay', 'admin', 'admin', 'user'])
  expect(permissions.admins).toEqual(['@kim:hs.test:8448'])
  expect(people.map((userId) => permissions.isAdmin(userId))).toEqual([false, true, true, false])
})
