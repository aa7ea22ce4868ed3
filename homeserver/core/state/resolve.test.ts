import { describe, expect, test } from '@jest/globals'
import { admin, creator, mod, peopledRoom } from '../../../test/support/room-history.ts'
import { joinRules, membership, powerLevels, type Draft } from '../../../test/support/room-model.ts'
import type { IdentifiedPdu, Pdu } from '../event.ts'
import type { EventId, UserId } from '../ids.ts'
import { roomVersions } from '../room-version.ts'
import { resolveState } from './resolve.ts'

const since2 = Object.values(roomVersions).filter(({ id }) => id !== '1')
const topic = (sender: UserId, text: string): Draft => ({
  type: 'm.room.topic',
  sender,
  state_key: '',
  content: { topic: text },
})

test.each(Object.values(roomVersions))('no state, or one, needs no resolution in room version $id', (version) => {
  const { room, state } = peopledRoom(version)
  expect(resolveState(version, [], room.fetch)).toEqual(new Map())
  expect(resolveState(version, [state], room.fetch)).toEqual(state)
  expect(resolveState(version, [state], () => undefined)).toEqual(state)
})

test.each(since2)('a demotion comes before what the demoted did meanwhile in room version $id', (version) => {
  const { room, state } = peopledRoom(version)
  const demoted = new Map(state)
  const users = { [admin]: 100, ...(version.privilegedCreators ? {} : { [creator]: 100 }) }
  room.add(demoted, powerLevels(creator, { users }))
  const meanwhile = new Map(state)
  room.add(meanwhile, { ...topic(mod, 'by the moderator'), ts: 0 })
  room.add(demoted, topic(creator, 'by the creator'))
  expect(resolveState(version, [meanwhile, demoted], room.fetch)).toEqual(demoted)
})

test.each(since2)('a rejected event authorises nothing in room version $id', (version) => {
  const { room, state } = peopledRoom(version)
  // Where the state has no membership of the moderator, the one the event cites counts, but not if rejected.
  const join = state.get(`m.room.member\0${mod}`)
  const fork = new Map(state)
  const { eventId } = room.add(fork, topic(mod, 'by the moderator'))
  for (const each of [state, fork]) each.delete(`m.room.member\0${mod}`)
  const resolve = (isRejected: (id: EventId) => boolean) =>
    resolveState(version, [state, fork], room.fetch, { isRejected }).get('m.room.topic\0')
  expect(resolve(() => false)).toBe(eventId)
  expect(resolve((id) => id === join)).toBe(undefined)
})

/** The two kinds of state resets that led to state resolution 2.1 (MSC4297). */
describe.each([
  ['11', 'resets'],
  ['12', 'keeps'],
] as const)('room version %s', (id, habit) => {
  const version = roomVersions[id]
  const resets = habit === 'resets'
  const late: UserId = '@late:c.example'

  test(`${habit} a membership that later join rules would forbid`, () => {
    const { room, state } = peopledRoom(version)
    const join = room.add(state, membership(late, 'join'))
    room.add(state, joinRules(creator, 'invite'))
    const forgetful = new Map(state)
    forgetful.delete(`m.room.member\0${late}`)
    const resolved = resolveState(version, [state, forgetful], room.fetch)
    expect(resolved.get(`m.room.member\0${late}`)).toBe(resets ? undefined : join.eventId)
  })

  test(`${habit} power levels that rest on others which all forks know`, () => {
    const { room, state } = peopledRoom(version)
    const old = state.get('m.room.power_levels\0')
    const users = { [admin]: 100, [mod]: 100, ...(version.privilegedCreators ? {} : { [creator]: 100 }) }
    room.add(state, powerLevels(creator, { users }))
    const latest = room.add(state, powerLevels(mod, { users: { ...users, [late]: 50 } }))
    room.add(state, topic(mod, 'cites the latest levels'))
    const outdated = new Map(state).set('m.room.power_levels\0', old ?? '$none')
    const resolved = resolveState(version, [state, outdated], room.fetch)
    expect(resolved.get('m.room.power_levels\0')).toBe(resets ? old : latest.eventId)
  })
})

test('version 1 resolves a ban and a rejoining in favour of the ban', () => {
  const { room, state } = peopledRoom(roomVersions[1])
  const banned = new Map(state)
  room.add(banned, membership('@guest:c.example', 'ban', mod))
  room.add(state, membership('@guest:c.example', 'join'))
  expect(resolveState(roomVersions[1], [state, banned], room.fetch)).toEqual(banned)
})

test('events of version 2 that cite each other in a circle come to an end', () => {
  const version = roomVersions[2]
  const { room, state } = peopledRoom(version)
  const circle = ['$one:a.example', '$two:a.example'] as const
  const levels = state.get('m.room.power_levels\0')
  for (const [at, eventId] of circle.entries()) {
    const { pdu, roomId } = room.build(state, powerLevels(creator, { users: { [creator]: 100 } }))
    const auth_events = [
      ...pdu.auth_events.filter((id) => id !== levels),
      circle[1 - at] ?? '$none',
    ] as Pdu['auth_events']
    room.events.set(eventId, { eventId, roomId, pdu: { ...pdu, auth_events } })
  }
  const forks = circle.map((id) => new Map(state).set('m.room.power_levels\0', id))
  for (const [at, fork] of forks.entries()) room.add(fork, topic(creator, `topic ${at}`))
  const resolved = resolveState(version, forks, room.fetch)
  expect(resolved.get('m.room.create\0')).toBe(state.get('m.room.create\0'))
})

test('unknown events are left out', () => {
  const version = roomVersions[12]
  const { room, state } = peopledRoom(version)
  const fork = new Map(state)
  const known = room.add(fork, topic(creator, 'known'))
  const other = new Map(state).set('m.room.topic\0', '$unknown')
  expect(resolveState(version, [fork, other], room.fetch).get('m.room.topic\0')).toBe(known.eventId)
})

test('thousands of conflicting events in a long chain are resolved without recursion', () => {
  const version = roomVersions[12]
  const { room, state } = peopledRoom(version)
  const forks = [new Map(state), new Map(state)]
  for (const [at, fork] of forks.entries())
    for (let count = 0; count < 5000; count++) room.add(fork, powerLevels(creator, { ban: at, kick: count }))
  const resolved = resolveState(version, forks, room.fetch)
  const latest: IdentifiedPdu | undefined = room.authState(resolved).get('m.room.power_levels', '')
  expect(latest?.pdu.content).toEqual({ ban: 1, kick: 4999 })
})
