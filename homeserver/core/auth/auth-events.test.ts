import { expect, test } from '@jest/globals'
import { joinRules, membership, RoomModel } from '../../../test/support/room-model.ts'
import type { IdentifiedPdu } from '../event.ts'
import type { RoomId } from '../ids.ts'
import { roomVersions, type RoomVersion } from '../room-version.ts'
import { checkAuthEvents } from './auth-events.ts'

const creator = '@creator:a.example'
const message = { type: 'm.room.message', sender: creator, content: {} } as const

/** A message with the events it cites. */
function citing(version: RoomVersion) {
  const room = new RoomModel(version)
  const state = new Map(room.start)
  const event = room.build(state, message)
  const cited = event.pdu.auth_events.map((reference) => room.fetch(reference as `$${string}`) as IdentifiedPdu)
  return { room, state, event, cited }
}

const never = (): boolean => false

test.each(Object.values(roomVersions))('the events an event has to cite pass in room version $id', (version) => {
  const { event, cited } = citing(version)
  expect(cited).toHaveLength(version.roomIdIsCreateHash ? 1 : 2)
  expect(checkAuthEvents(event, cited, version, never)).toEqual({ allowed: true })
})

test.each(Object.values(roomVersions))('other citations are refused in room version $id', (version) => {
  const { room, state, event, cited } = citing(version)
  const check = (...more: IdentifiedPdu[]) => checkAuthEvents(event, [...cited, ...more], version, never)
  expect(check(...cited)).toMatchObject({ rule: 'v12/3.1' })
  expect(check(room.build(state, membership(creator, 'join')))).toMatchObject({ rule: 'v12/3.1' })
  expect(check(room.build(state, joinRules(creator, 'public')))).toMatchObject({ rule: 'v12/3.2' })
  expect(check(room.build(state, message))).toMatchObject({ rule: 'v12/3.2' })
})

test.each(Object.values(roomVersions))('a rejected or foreign auth event is refused in room version $id', (version) => {
  const { event, cited } = citing(version)
  const rejected = cited.at(-1)?.eventId
  expect(checkAuthEvents(event, cited, version, (id) => id === rejected)).toMatchObject({ rule: 'v12/3.3' })
  const elsewhere: RoomId = '!elsewhere:a.example'
  const foreign = cited.map((each) => ({ ...each, roomId: elsewhere }))
  expect(checkAuthEvents(event, foreign, version, never)).toMatchObject({ rule: 'v12/3.5' })
})

test('the create event has to be cited before room version 12, and must not be from then on', () => {
  const old = citing(roomVersions[11])
  const withoutCreate = old.cited.filter(({ pdu }) => pdu.type !== 'm.room.create')
  expect(checkAuthEvents(old.event, withoutCreate, roomVersions[11], never)).toMatchObject({ rule: 'v11/2.4' })

  const { room, event, cited } = citing(roomVersions[12])
  const create = room.authState(room.start).get('m.room.create', '') as IdentifiedPdu
  expect(checkAuthEvents(event, [...cited, create], roomVersions[12], never)).toMatchObject({ rule: 'v12/3.2' })
})
