import { describe, expect, test } from '@jest/globals'
import { emailAddress, phoneNumber } from './addresses.ts'

describe('e-mail addresses', () => {
  test.each([
    ['Ann@Example.ORG', 'ann@example.org'],
    ['ann+list@bücher.example', 'ann+list@xn--bcher-kva.example'],
    ['o\u0308@a.example', 'ö@a.example'],
  ])('%s is written %s', (given, address) => {
    expect(emailAddress(given)).toEqual({ medium: 'email', address })
  })

  test.each([
    '',
    'ann',
    '@a.example',
    'a b@a.example',
    'a@b@',
    'a\r\nbcc: b@c.example@d.example',
    '"a"@b.example',
    'a,b@c.example',
    `${'a'.repeat(250)}@b.example`,
    'a@[127.0.0.1]',
    '<a@b.example>',
  ])('%j is none', (given) => {
    expect(() => emailAddress(given)).toThrow(expect.objectContaining({ errcode: 'M_INVALID_PARAM' }))
  })
})

describe('telephone numbers', () => {
  test('are written in international form', async () => {
    expect(await phoneNumber('GB', '07700 900001')).toEqual({ medium: 'msisdn', address: '447700900001' })
    expect(await phoneNumber('DE', '+44 7700 900001')).toEqual({ medium: 'msisdn', address: '447700900001' })
  })

  test.each([
    ['XX', '123456789'],
    ['GB', 'abc'],
    ['GB', '1'],
  ])('%s %s is none', async (country, number) => {
    await expect(phoneNumber(country, number)).rejects.toMatchObject({ errcode: 'M_INVALID_PARAM' })
  })
})
