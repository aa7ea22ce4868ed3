import { describe, expect, test } from '@jest/globals'
import { addressCheck, privateRanges } from './address.ts'

const publicOnly = addressCheck({ deny: privateRanges, allow: [] })

describe('addresses that are not public are refused in every spelling', () => {
  test.each([
    '127.0.0.1',
    '127.255.0.1',
    '0.0.0.0',
    '0.1.2.3',
    '10.1.2.3',
    '100.64.0.1',
    '169.254.169.254',
    '172.31.255.255',
    '192.168.0.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:10.0.0.1',
    '::ffff:0:127.0.0.1',
    '::127.0.0.1',
    '64:ff9b::127.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::8.8.8.8',
    '2002:7f00:1::',
    '2002:c0a8:1::1',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    '2001:db8::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    '100::1',
    'localhost',
    '',
    '1.2.3',
  ])('%s', (address) => expect(publicOnly(address)).toBe(false))
})

test.each([
  '1.1.1.1',
  '172.32.0.1',
  '2606:4700::1111',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
  '2002:808:808::1',
  '2a00::%e',
])('%s is public', (address) => expect(publicOnly(address)).toBe(true))

test('exceptions open a range in all its spellings, but never the unspecified address', () => {
  const check = addressCheck({ deny: privateRanges, allow: ['127.0.0.0/8', '::1', '0.0.0.0/0'] })
  expect(['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.0.0.1'].map(check)).toEqual([true, true, true, true])
  expect(['0.0.0.0', '::', '::ffff:0.0.0.0', 'fe80::1'].map(check)).toEqual([false, false, false, false])
})

test('what is denied by hand is denied', () => {
  const check = addressCheck({ deny: ['8.8.8.8', '2606:4700::/32'], allow: [] })
  expect(['8.8.8.8', '::ffff:8.8.8.8', '2606:4700::1', '127.0.0.1'].map(check)).toEqual([false, false, false, true])
})

test.each(['foo', '10.0.0.0/33', '10.0.0.0/x', '10.0.0/8', ''])('the range %j is a mistake', (range) =>
  expect(() => addressCheck({ deny: [range], allow: [] })).toThrow(),
)
