import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

forEachDatabase(({ dialect: database }) => {
  test('names, avatars and other fields are set by their owner and read by anybody', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const profile = `/profile/${alice.userId}`
    const anybody = server.client()
    expect(await anybody.get(profile)).toEqual({ displayname: 'alice' })
    await alice.put(`${profile}/displayname`, { displayname: 'Alice' })
    await alice.put(`${profile}/avatar_url`, { avatar_url: 'mxc://hs.test/picture' })
    await alice.put(`${profile}/m.tz`, { 'm.tz': 'Europe/Berlin' })
    await alice.put(`/_matrix/client/unstable/uk.tcpip.msc4133${profile}/org.example.list`, {
      'org.example.list': [1, { a: null }],
    })
    expect(await anybody.get(profile)).toEqual({
      displayname: 'Alice',
      avatar_url: 'mxc://hs.test/picture',
      'm.tz': 'Europe/Berlin',
      'org.example.list': [1, { a: null }],
    })
    expect(await anybody.get(`${profile}/displayname`)).toEqual({ displayname: 'Alice' })

    await alice.ok('DELETE', `${profile}/m.tz`)
    await alice.put(`${profile}/avatar_url`, { avatar_url: '' })
    expect(Object.keys(await anybody.get(profile)).toSorted()).toEqual(['displayname', 'org.example.list'])
    expect(await anybody.refusal('GET', `${profile}/m.tz`)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    expect(await anybody.refusal('GET', `${profile}/constructor`)).toMatchObject({ status: 404 })
    for (const unknown of ['@nobody:hs.test', '@bob:else.where', 'nonsense']) {
      expect(await anybody.refusal('GET', `/profile/${unknown}`)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    }
  })

  test('a field is refused to others, and when it is not what it must be', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const profile = `/profile/${alice.userId}`
    const refusal = async (key: string, body: object) => (await alice.refusal('PUT', `${profile}/${key}`, body)).errcode
    expect(await bob.refusal('PUT', `${profile}/displayname`, { displayname: 'Mallory' })).toEqual({
      status: 403,
      errcode: 'M_FORBIDDEN',
    })
    expect(await refusal('displayname', {})).toBe('M_MISSING_PARAM')
    expect(await refusal('displayname', { displayname: 5 })).toBe('M_INVALID_PARAM')
    expect(await refusal('displayname', { displayname: 'a'.repeat(257) })).toBe('M_INVALID_PARAM')
    expect(await refusal('avatar_url', { avatar_url: 'https://else.where/a.png' })).toBe('M_INVALID_PARAM')
    expect(await refusal('avatar_url', { avatar_url: 'mxc://hs.test/../etc' })).toBe('M_INVALID_PARAM')
    expect(await refusal('No.Capitals', { 'No.Capitals': 1 })).toBe('M_INVALID_PARAM')
    expect(await refusal('__proto__', { a: 1 })).toBe('M_MISSING_PARAM')
    expect(await refusal('k'.repeat(256), { ['k'.repeat(256)]: 1 })).toBe('M_KEY_TOO_LARGE')
    expect(await alice.get(profile)).toEqual({ displayname: 'alice' })
  })

  test('T70: a profile has at most 64 KiB, in one field or in many', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const profile = `/profile/${alice.userId}`
    const text = 'a'.repeat(30_000)
    await alice.put(`${profile}/a`, { a: text })
    await alice.put(`${profile}/b`, { b: text })
    expect(await alice.refusal('PUT', `${profile}/c`, { c: text })).toEqual({
      status: 400,
      errcode: 'M_PROFILE_TOO_LARGE',
    })
    await alice.put(`${profile}/b`, { b: 'short' })
    await alice.put(`${profile}/c`, { c: text })
  })
})
