import { randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import type { JsonObject } from '../../../core/event.ts'
import { type Signer, signingKeyFromSeed } from '../../../core/signing.ts'
import type { RemoteChange } from '../../rooms/hooks.ts'
import type { FederationClient } from '../client.ts'
import { signPassage } from './remote-template.ts'

const roomId = '!room:evil.test'
const userId = '@alice:hs.test'
const change: RemoteChange = { roomId, userId, content: { membership: 'join', displayname: 'Alice' }, via: [] }

class CountingSigner implements Signer {
  readonly serverName = 'hs.test'
  readonly #key = signingKeyFromSeed('1', randomBytes(32))
  signatures = 0
  get key(): Signer['key'] {
    this.signatures++
    return this.#key
  }
}

function clientThatAnswers(answer: JsonObject): FederationClient {
  const fake: Pick<FederationClient, 'get'> = { get: () => Promise.resolve(answer) }
  return fake as FederationClient // nothing else of it is used
}

function template(membership: string): JsonObject {
  return {
    type: 'm.room.member',
    room_id: roomId,
    sender: userId,
    state_key: userId,
    content: { membership },
    depth: 7,
    prev_events: ['$prev'],
    auth_events: ['$create', '$rules'],
    origin_server_ts: 1,
  }
}

async function sign(membership: 'join' | 'leave' | 'knock', answer: JsonObject, signer = new CountingSigner()) {
  return await signPassage({ client: clientThatAnswers(answer), signer, now: () => 1000 }, 'evil.test', membership, {
    ...change,
    content: { ...change.content, membership },
  })
}

describe.each(['join', 'leave', 'knock'] as const)('a template to %s', (membership) => {
  const honest = template(membership)

  test('gives the place in the history of the room, everything else is ours', async () => {
    const event = {
      ...honest,
      redacts: '$x',
      unsigned: { a: 1 },
      extra: true,
      content: { membership, displayname: 'Mallory' },
    }
    const signed = await sign(membership, { room_version: '10', event })
    const { hashes: _hashes, signatures, ...pdu } = signed.event.pdu
    const content = { membership, displayname: 'Alice' }
    expect(pdu).toEqual({ ...honest, content, origin_server_ts: 1000 })
    expect(Object.keys(signatures ?? {})).toEqual(['hs.test'])
  })

  // T29: nobody gets our signature for what we did not ask for.
  const altered: Readonly<Record<string, JsonObject>> = {
    'of another type': { event: { ...honest, type: 'm.room.power_levels' } },
    'for another room': { event: { ...honest, room_id: '!other:evil.test' } },
    'without a room': { event: Object.fromEntries(Object.entries(honest).filter(([key]) => key !== 'room_id')) },
    'of another sender': { event: { ...honest, sender: '@bob:hs.test' } },
    'for another user': { event: { ...honest, state_key: '@bob:hs.test' } },
    'that is no state event': {
      event: Object.fromEntries(Object.entries(honest).filter(([key]) => key !== 'state_key')),
    },
    'of another membership': { event: { ...honest, content: { membership: 'ban' } } },
    'without content': { event: { ...honest, content: 'join' } },
    'that is no object': { event: [honest] },
    'that is missing': {},
    'of a room version that nobody knows': { room_version: '99', event: honest },
    'of a room version that is no text': { room_version: 10, event: honest },
    'of an impossible depth': { event: { ...honest, depth: -1 } },
    'of a depth beyond all': { event: { ...honest, depth: 2 ** 53 } },
    'with parents that are no events': { event: { ...honest, prev_events: [{ $x: 1 }] } },
    'with too many parents': { event: { ...honest, prev_events: Array.from({ length: 21 }, (_, i) => `$${i}`) } },
    'without auth events': { event: { ...honest, auth_events: null } },
  }

  test.each(Object.entries(altered))('%s is not signed (T29)', async (_, answer) => {
    const signer = new CountingSigner()
    await expect(sign(membership, { room_version: '10', ...answer }, signer)).rejects.toMatchObject({
      name: expect.stringMatching(/^(Federation|Matrix)Error$/),
    })
    expect(signer.signatures).toBe(0)
  })
})

describe('a template to join a restricted room', () => {
  const honest = template('join')
  const letIn = (by: string): JsonObject => ({
    room_version: '10',
    event: { ...honest, content: { membership: 'join', join_authorised_via_users_server: by } },
  })

  test('may name a user of the server that gave it', async () => {
    const { event } = await sign('join', letIn('@host:evil.test'))
    expect(event.pdu.content).toMatchObject({ join_authorised_via_users_server: '@host:evil.test' })
  })

  test.each(['@host:other.test', '@alice:hs.test', 'nobody'])('is not signed if it names %s (T29)', async (by) => {
    const signer = new CountingSigner()
    await expect(sign('join', letIn(by), signer)).rejects.toMatchObject({ name: 'FederationError' })
    expect(signer.signatures).toBe(0)
  })
})

test('a room of the first version gets an event id of ours', async () => {
  const event = { ...template('join'), prev_events: [['$prev:evil.test', { sha256: 'x' }]], auth_events: [] }
  const signed = await sign('join', { event })
  expect(signed.version.id).toBe('1')
  expect(signed.event.eventId).toMatch(/^\$[\w-]+:hs\.test$/)
})
