import { describe, expect, test } from '@jest/globals'
import type { IdentifiedPdu, Pdu, StateKey } from '../../homeserver/core/event.ts'
import type { EventId } from '../../homeserver/core/ids.ts'
import { roomVersions, type RoomVersionId, stableVersions } from '../../homeserver/core/room-version.ts'
import { resolveState } from '../../homeserver/core/state/resolve.ts'
import { readCases } from './read.ts'

interface Case {
  id: string
  note: string
  room_version: RoomVersionId
  events: Record<EventId, Pdu>
  state_sets: Record<StateKey, EventId>[]
  resolved: Record<StateKey, EventId>
}

function resolve({ room_version, events, state_sets }: Case): Record<StateKey, EventId> {
  const fetch = (eventId: EventId): IdentifiedPdu | undefined => {
    const pdu = events[eventId]
    return pdu && { eventId, roomId: pdu.room_id ?? `!${eventId.slice(1)}`, pdu }
  }
  const stateSets = state_sets.map((each) => new Map(Object.entries(each) as [StateKey, EventId][]))
  return Object.fromEntries(resolveState(roomVersions[room_version], stateSets, fetch))
}

const cases = readCases<Case>('state_resolution')

describe.each(stableVersions)('state resolution in room version %s', (version) => {
  test('agrees with the other implementations', () => {
    const ours = cases.filter((each) => each.room_version === version)
    expect(ours.length).toBeGreaterThan(0)
    for (const each of ours) {
      const { id, note, resolved } = each
      expect({ id, note, resolved: resolve(each) }).toEqual({ id, note, resolved })
    }
  })
})
