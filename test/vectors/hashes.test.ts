import { describe, expect, test } from '@jest/globals'
import { encodeCanonical, parseJson, topLevelText } from '../../homeserver/core/canonical-json.ts'
import type { Pdu } from '../../homeserver/core/event.ts'
import { contentHash, identify, referenceHash } from '../../homeserver/core/hash.ts'
import { redact } from '../../homeserver/core/redact.ts'
import { type RoomVersionId, roomVersions, stableVersions } from '../../homeserver/core/room-version.ts'
import { readCases } from './read.ts'

interface Case {
  id: string
  room_version: RoomVersionId
  event: Pdu
  content_hash: string
  redacted_canonical: string
  reference_hash: string
  event_id: string
}

const cases = readCases<Case>('hashes')

describe('hashes, redactions and event ids, as the vectors have them', () => {
  test.each(stableVersions.map((id) => roomVersions[id]))('in room version $id', (version) => {
    const ours = cases.filter((each) => each.room_version === version.id)
    expect(ours.length).toBeGreaterThanOrEqual(100)
    for (const { id, event, content_hash, redacted_canonical, reference_hash, event_id } of ours) {
      const { eventId } = identify(event, version)
      expect({
        id,
        content_hash: contentHash(event, version),
        redacted_canonical: encodeCanonical(redact(event, version), version),
        reference_hash: referenceHash(event, version),
        event_id: eventId,
      }).toEqual({ id, content_hash, redacted_canonical, reference_hash, event_id })
    }
  })

  test('the redacted events can be cut without parsing them', () => {
    for (const { redacted_canonical: text } of cases) {
      const content = topLevelText(text, 'content')
      expect(encodeCanonical(parseJson(content ?? ''))).toBe(content)
      expect(topLevelText(text, 'sha256')).toBeUndefined()
    }
  })
})
