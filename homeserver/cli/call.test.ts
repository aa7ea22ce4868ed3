import { writeFile } from 'node:fs/promises'
import { expect, jest, test } from '@jest/globals'
import { Client } from '../../test/support/client.ts'
import { FakeSfu } from '../../test/support/fake-sfu.ts'
import { askToken } from '../../test/support/livekit.ts'
import { cli, type Ended, Place } from '../../test/support/program.ts'
import type { RoomId, UserId } from '../core/ids.ts'
import { plainIdentityOf, ROOM_SLOT, sfuRoomOf } from '../domain/rtc/names.ts'

jest.setTimeout(300_000) // starts whole processes, perhaps on a busy machine

test('who is in a call is listed, and the call ended', async () => {
  await using sfu = await FakeSfu.start()
  await using place = await Place.make()
  const run = (...args: string[]): Promise<Ended> => place.run(cli, { args })
  await writeFile(place.path('config.yaml'), sfu.config)
  await place.start()
  await place.run(cli, { args: ['register-user', 'alice'], input: 'correct horse\n' })
  const alice = await new Client(place.url).login('alice', 'correct horse')
  const room = await alice.createRoom()
  await askToken(place, alice, room)
  expect((await run('call', 'list')).stdout).toBe('Nobody is in a call\n')

  const name = sfuRoomOf(room as RoomId, ROOM_SLOT)
  sfu.rooms.set(name, [plainIdentityOf(alice.userId as UserId, alice.deviceId)])
  const line = `${room}\t${alice.userId}\t${alice.deviceId}\t2023-11-14T22:13:20.000Z\tmicrophone:red:muted\n`
  expect((await run('call', 'list')).stdout).toBe(line)
  const member = { application: 'm.call', call_id: '', device_id: alice.deviceId }
  await alice.setState(room, 'org.matrix.msc3401.call.member', member, `_${alice.userId}_${alice.deviceId}_m.call`)
  const history = async (...args: string[]): Promise<string> => (await run('call', 'history', ...args)).stdout
  for (const args of [[], [room], [alice.userId, '--limit', '1']]) {
    expect((await history(...args)).split('\t')).toEqual([room, alice.userId, expect.stringMatching(/Z$/), '-\n'])
  }
  expect(await history('@nobody:localhost')).toBe('There were no calls\n')
  expect(await run('call', 'history', '--limit', 'x')).toMatchObject({ code: 64 })
  expect((await run('call', 'end', room)).stdout).toBe('The call is over; cut off: 1\n')
  expect(await run('call', 'end', room)).toMatchObject({ code: 1, stderr: 'There is no call in this room\n' })
  expect(await run('call', 'end')).toMatchObject({ code: 64 })

  const made = (await run('call', 'make-room', 'Kitchen', '--alias', 'kitchen')).stdout.trim()
  expect((await alice.get(`/directory/room/${encodeURIComponent('#kitchen:localhost')}`))['room_id']).toBe(made)
  expect(await run('call', 'make-room', 'Again', '--alias', 'kitchen')).toMatchObject({ code: 1 })
})

test('links into calls are made, listed and taken back', async () => {
  await using sfu = await FakeSfu.start()
  await using place = await Place.make()
  const run = (...args: string[]): Promise<Ended> => place.run(cli, { args: ['call', 'link', ...args] })
  await writeFile(place.path('config.yaml'), sfu.config)
  await place.start()
  await place.run(cli, { args: ['register-user', 'alice'], input: 'correct horse\n' })
  const alice = await new Client(place.url).login('alice', 'correct horse')
  const room = await alice.createRoom()
  expect((await run('list')).stdout).toBe('There are no links into calls\n')
  const created = await run('create', room, alice.userId, '--expires', '2h', '--uses', '3')
  const [link = '', until = ''] = created.stdout.split('\n')
  expect([link, until]).toEqual([
    expect.stringMatching(/\/call\/[\w-]{24}$/),
    expect.stringMatching(/^Good until .*Z$/),
  ])
  expect((await run('list')).stdout.trim().split('\t')).toEqual([link, room, alice.userId, until.slice(11), '0 of 3'])
  expect((await run('revoke', link)).code).toBe(0)
  expect(await run('revoke', link)).toMatchObject({ code: 1 })
  expect(await run('create', room, alice.userId, '--uses', 'x')).toMatchObject({ code: 64 })
  expect(await run('create', room, '@nobody:localhost')).toMatchObject({
    code: 1,
    stderr: 'This account may not invite\n',
  })
  expect(await run()).toMatchObject({ code: 64 })
})
