import { describe, expect, test } from '@jest/globals'
import type { JsonObject, Pdu } from '../../homeserver/core/event.ts'
import { roomVersions, type RoomVersionId } from '../../homeserver/core/room-version.ts'
import {
  decodeBase64,
  publicKeyFrom,
  signEvent,
  signingKeyFromSeed,
  signJson,
  verifyEvent,
  verifyJson,
} from '../../homeserver/core/signing.ts'
import { readCases } from './read.ts'

type Subject = { kind: 'object'; room_version?: undefined } | { kind: 'event'; room_version: RoomVersionId }
type Case = Subject & { id: string; server_name: string; key_id: string } & (
    | { action: 'sign'; seed: string; input: JsonObject; signed: JsonObject }
    | { action: 'verify'; public_key: string; value: JsonObject; valid: boolean }
  )

const cases = readCases<Case>('signatures')

function signed(each: Case & { action: 'sign' }): JsonObject {
  const seed = decodeBase64(each.seed, 32) ?? Buffer.alloc(0)
  const signer = { serverName: each.server_name, key: signingKeyFromSeed(each.key_id.slice('ed25519:'.length), seed) }
  if (each.kind === 'object') return signJson(each.input, signer)
  return signEvent(each.input as Pdu, roomVersions[each.room_version], signer)
}

function isValid({ server_name: serverName, key_id: keyId, ...each }: Case & { action: 'verify' }): boolean {
  const publicKey = publicKeyFrom(each.public_key)
  if (publicKey === undefined) throw new Error('No key')
  if (each.kind === 'object') return verifyJson(each.value, { serverName, keyId, publicKey })
  return verifyEvent(each.value as Pdu, roomVersions[each.room_version], { serverName, keyId, publicKey })
}

describe('signatures, as the vectors have them', () => {
  test('are made', () => {
    const ours = cases.filter((each) => each.action === 'sign')
    expect(ours.length).toBeGreaterThan(200)
    for (const each of ours) expect([each.id, signed(each)]).toEqual([each.id, each.signed])
  })

  test('are checked', () => {
    const ours = cases.filter((each) => each.action === 'verify')
    expect(ours.length).toBeGreaterThan(200)
    expect(ours.map((each) => [each.id, isValid(each)])).toEqual(ours.map((each) => [each.id, each.valid]))
  })
})
