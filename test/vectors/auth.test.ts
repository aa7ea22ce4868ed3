import { describe, expect, test } from '@jest/globals'
import { checkAuthEvents } from '../../homeserver/core/auth/auth-events.ts'
import { checkAuth } from '../../homeserver/core/auth/rules.ts'
import { authStateOf, type Verdict } from '../../homeserver/core/auth/verdict.ts'
import type { EventId } from '../../homeserver/core/ids.ts'
import { referenceIds, stateKeyOf, type IdentifiedPdu, type Pdu } from '../../homeserver/core/event.ts'
import { roomVersions, type RoomVersionId, stableVersions } from '../../homeserver/core/room-version.ts'
import { readCases } from './read.ts'

interface Case {
  id: string
  note: string
  room_version: RoomVersionId
  event: Pdu
  auth_events: Pdu[]
  allowed: boolean
}

/** All rules together, as a server would ask them of a received event. */
function verdictOn({ room_version, event: pdu, auth_events }: Case): Verdict {
  const version = roomVersions[room_version]
  const citedIds = referenceIds(pdu.auth_events)
  const ids = [...citedIds]
  // Version 12 events do not cite the create event: its id follows from the room id.
  if (version.roomIdIsCreateHash && ids.length < auth_events.length) ids.unshift(`$${pdu.room_id?.slice(1)}`)
  const state = auth_events.map((authEvent, index) => identified(authEvent, ids[index]))
  const cited = state.filter(({ eventId }) => citedIds.includes(eventId))
  const event = identified(pdu, '$event')
  const ofCitations = checkAuthEvents(event, cited, version, () => false)
  if (!ofCitations.allowed) return ofCitations
  return checkAuth(event, authStateOf(new Map(state.map((each) => [stateKeyOf(each.pdu.type, each.pdu.state_key ?? ''), each]))), version)
}

function identified(pdu: Pdu, eventId: EventId = '$unknown'): IdentifiedPdu {
  return { eventId, roomId: pdu.room_id ?? `!${eventId.slice(1)}`, pdu }
}

const cases = readCases<Case>('auth')

describe.each(stableVersions)('authorisation in room version %s', (version) => {
  test('T32: agrees with the other implementations', () => {
    const ours = cases.filter((each) => each.room_version === version)
    expect(ours.length).toBeGreaterThan(0)
    const wrong = ours.flatMap((each) => {
      const verdict = verdictOn(each)
      return verdict.allowed === each.allowed ? [] : [{ id: each.id, note: each.note, verdict }]
    })
    expect(wrong).toEqual([])
  })
})
