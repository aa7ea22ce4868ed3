import { describe, expect, test } from '@jest/globals'
import { encodeCanonical, parseJson } from '../../homeserver/core/canonical-json.ts'
import { MatrixError } from '../../homeserver/core/errors.ts'
import { type RoomVersionId, roomVersions, stableVersions } from '../../homeserver/core/room-version.ts'
import { readCases } from './read.ts'

interface Case {
  id: string
  room_version: RoomVersionId
  text: string
  ok: boolean
  canonical?: string
  error?: 'invalid_json' | 'lone_surrogate' | 'number'
}

/** The canonical text, or the errcode of the refusal. */
function canonicalOf({ text, room_version }: Case): string {
  try {
    return encodeCanonical(parseJson(text), roomVersions[room_version])
  } catch (error) {
    if (error instanceof MatrixError) return error.errcode
    throw error
  }
}

const cases = readCases<Case>('canonical')

describe('canonical JSON, as the vectors have it', () => {
  test.each(stableVersions)('in room version %s', (version) => {
    const ours = cases.filter((each) => each.room_version === version)
    expect(ours.length).toBeGreaterThan(100)
    expect(ours.map((each) => [each.id, canonicalOf(each)])).toEqual(
      ours.map((each) => [
        each.id,
        each.ok ? each.canonical : each.error === 'invalid_json' ? 'M_NOT_JSON' : 'M_BAD_JSON',
      ]),
    )
  })
})
