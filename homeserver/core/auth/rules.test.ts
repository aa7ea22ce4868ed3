import { describe, expect, test } from '@jest/globals'
import { joinRules, membership, powerLevels, RoomModel } from '../../../test/support/room-model.ts'
import { parseJson } from '../canonical-json.ts'
import type { JsonObject } from '../event.ts'
import { roomVersions } from '../room-version.ts'
import { signingKeyFromSeed, signJson } from '../signing.ts'

const creator = '@creator:a.example'
const mod = '@mod:a.example'
const user = '@user:b.example'

/** A public room where the creator, a moderator of level 50 and a user are joined. */
function publicRoom(version = roomVersions[12], levels: JsonObject = {}) {
  const room = new RoomModel(version)
  const state = new Map(room.start)
  const users = { [mod]: 50, ...(version.privilegedCreators ? {} : { [creator]: 100 }) }
  for (const draft of [
    powerLevels(creator, { users, ...levels }),
    joinRules(creator, 'public'),
    membership(mod, 'join'),
    membership(user, 'join'),
  ])
    expect(room.send(state, draft)).toEqual({ allowed: true })
  return { room, state }
}

const message = { type: 'm.room.message', content: {} }

test('a refusal names its rule and gives a reason', () => {
  const { room, state } = publicRoom()
  expect(room.check(state, { ...message, sender: '@stranger:b.example' })).toEqual({
    allowed: false,
    rule: 'v12/6',
    reason: 'The sender is not in the room',
  })
})

describe('room version 12', () => {
  test('a creator stands above every level, and nobody can take it away', () => {
    const { room, state } = publicRoom()
    const top = Number.MAX_SAFE_INTEGER
    expect(room.send(state, powerLevels(creator, { users: { [mod]: top }, ban: top })).allowed).toBe(true)
    expect(room.check(state, membership(creator, 'ban', mod))).toMatchObject({ rule: 'v12/5.6.3' })
    expect(room.check(state, membership(mod, 'ban', creator)).allowed).toBe(true)
    expect(room.check(state, powerLevels(mod, { users: { [mod]: top, [creator]: 0 }, ban: top }))).toMatchObject({
      rule: 'v12/10.4',
    })
  })

  test('additional creators are creators', () => {
    const room = new RoomModel(roomVersions[12], { createContent: { additional_creators: [user] } })
    const state = new Map(room.start)
    room.add(state, membership(user, 'join'))
    expect(room.check(state, membership(creator, 'ban', user)).allowed).toBe(false)
    expect(room.check(state, joinRules(user, 'public')).allowed).toBe(true)
    expect(room.check(state, powerLevels(user, { users: { [user]: 100 } }))).toMatchObject({ rule: 'v12/10.4' })
  })

  test('the creators of a room are no creators of another one', () => {
    const { room, state } = publicRoom()
    const other = new RoomModel(roomVersions[12], { creator: user })
    for (const [id, event] of other.events) room.events.set(id, event)
    const withOtherCreate = new Map(state).set('m.room.create\0', [...other.start.values()][0] ?? '$none')
    expect(room.check(withOtherCreate, { ...message, sender: user })).toMatchObject({ rule: 'v12/2' })
  })
})

describe('the create event', () => {
  test('must be known', () => {
    const { room, state } = publicRoom()
    state.delete('m.room.create\0')
    expect(room.check(state, { ...message, sender: user }).allowed).toBe(false)
  })

  test('needs an empty state key', () => {
    const { room, state } = publicRoom(roomVersions[11])
    for (const stateKey of [{ state_key: 'second' }, {}]) {
      const again = { type: 'm.room.create', sender: creator, content: {}, prev_events: [], ...stateKey } as const
      expect(room.check(state, again)).toMatchObject({ rule: 'v12/1' })
    }
  })

  test('closes a room to other servers by m.federate', () => {
    const room = new RoomModel(roomVersions[11], { createContent: { 'm.federate': false } })
    const state = new Map(room.start)
    room.add(state, joinRules(creator, 'public'))
    expect(room.check(state, membership(user, 'join'))).toMatchObject({ rule: 'v12/4' })
    expect(room.check(state, membership(mod, 'join')).allowed).toBe(true)
  })
})

describe('power levels', () => {
  test('an event type may be called like a property of objects', () => {
    const { room, state } = publicRoom(roomVersions[11], { events_default: 10 })
    for (const type of ['constructor', '__proto__'])
      expect(room.check(state, { type, sender: user, content: {} })).toMatchObject({ rule: 'v12/8' })
    const users = { [creator]: 100, [mod]: 50 }
    const events = JSON.parse('{"__proto__":60,"constructor":60}') as JsonObject
    expect(room.check(state, powerLevels(mod, { users, events_default: 10, events }))).toMatchObject({
      rule: 'v12/10.7',
    })
  })

  test.each(['1', '5'] as const)('may be strings, floats and beyond doubles in room version %s', (id) => {
    const huge = 2n ** 70n
    const users = { [creator]: huge + 1n, [mod]: ' +050 ', [user]: 49.9 }
    const kick = parseJson('5.0e1')
    const { room, state } = publicRoom(roomVersions[id], { users, kick, ban: huge, events: { x: '49' } })
    expect(room.check(state, membership(user, 'leave', mod)).allowed).toBe(true)
    expect(room.check(state, membership(user, 'ban', mod)).allowed).toBe(false)
    expect(room.check(state, membership(user, 'ban', creator)).allowed).toBe(true)
    expect(room.check(state, { type: 'x', sender: user, state_key: '', content: {} }).allowed).toBe(true)
  })

  test('that mean the same in other words are no change', () => {
    const users = { [creator]: '100', [mod]: 50 }
    const { room, state } = publicRoom(roomVersions[5], { users, ban: 100 })
    const same = { users: { [creator]: 100n, [mod]: '50' }, ban: ' 100' }
    expect(room.check(state, powerLevels(mod, same)).allowed).toBe(true)
    expect(room.check(state, powerLevels(mod, { ...same, ban: 101 })).allowed).toBe(false)
  })

  test('nobody removes the entry of an equal, but everybody may step down', () => {
    const { room, state } = publicRoom(roomVersions[11], { users: { [creator]: 100, [mod]: 50, [user]: 50 } })
    expect(room.check(state, powerLevels(mod, { users: { [creator]: 100, [mod]: 50 } }))).toMatchObject({
      rule: 'v12/10.9',
    })
    expect(room.check(state, powerLevels(mod, { users: { [creator]: 100, [user]: 50 } })).allowed).toBe(true)
  })
})

describe('restricted join rules', () => {
  const authorised = membership(user, 'join', user, { join_authorised_via_users_server: mod })

  test.each([
    ['7', 'restricted', false],
    ['8', 'restricted', true],
    ['9', 'knock_restricted', false],
    ['10', 'knock_restricted', true],
  ] as const)('room version %s, %s: %s', (id, rule, allowed) => {
    const { room, state } = publicRoom(roomVersions[id])
    room.add(state, membership(user, 'leave'))
    room.add(state, joinRules(creator, rule))
    expect(room.check(state, authorised).allowed).toBe(allowed)
    expect(room.check(state, membership(user, 'join')).allowed).toBe(false)
  })

  test('the authoriser must be in the room and may invite', () => {
    const { room, state } = publicRoom(roomVersions[11], { invite: 50 })
    room.add(state, membership(user, 'leave'))
    room.add(state, joinRules(creator, 'restricted'))
    expect(room.check(state, authorised).allowed).toBe(true)
    room.add(state, membership(mod, 'leave'))
    expect(room.check(state, authorised)).toMatchObject({ rule: 'v12/5.3.5.2' })
  })
})

describe('third-party invites', () => {
  const key = signingKeyFromSeed('0', new Uint8Array(32).fill(7))
  const urlSafe = key.publicKey.replaceAll('+', '-').replaceAll('/', '_')
  const signed = signJson({ mxid: user, token: 'token' }, { serverName: 'identity.example', key })

  function invited(issued: JsonObject, proof: JsonObject) {
    const { room, state } = publicRoom(roomVersions[11])
    room.add(state, membership(user, 'leave'))
    room.add(state, { type: 'm.room.third_party_invite', sender: mod, state_key: 'token', content: issued })
    return room.check(state, membership(user, 'invite', mod, { third_party_invite: { signed: proof } }))
  }

  test.each([{ public_key: key.publicKey }, { public_keys: [{ public_key: 'x' }, { public_key: urlSafe }] }])(
    'are proven by a signature of %j',
    (issued) => {
      expect(invited(issued, signed).allowed).toBe(true)
      expect(invited(issued, { ...signed, extra: 1 })).toMatchObject({ rule: 'v12/5.4.1.8' })
      expect(invited(issued, { ...signed, mxid: mod })).toMatchObject({ rule: 'v12/5.4.1.4' })
    },
  )

  test('with long lists of keys and signatures do not keep us busy', () => {
    const others = Array.from({ length: 500 }, (_, at) => signingKeyFromSeed('x', Buffer.alloc(32, `${at}`)))
    const signatures = Object.fromEntries(others.map(({ keyId }, at) => [`s${at}`, { [keyId]: 'A'.repeat(86) }]))
    const issued = { public_keys: others.map(({ publicKey }) => ({ public_key: publicKey })) }
    const before = performance.now()
    expect(invited(issued, { mxid: user, token: 'token', signatures }).allowed).toBe(false)
    expect(performance.now() - before).toBeLessThan(5000)
  })
})
