import { expect, test } from '@jest/globals'
import { selectAuthEvents } from '../../homeserver/core/auth/auth-events.ts'
import type { Pdu, StateKey } from '../../homeserver/core/event.ts'
import type { EventId } from '../../homeserver/core/ids.ts'
import { roomVersions, type RoomVersionId, stableVersions } from '../../homeserver/core/room-version.ts'
import { readCases } from './read.ts'

interface Case {
  id: string
  room_version: RoomVersionId
  state: Record<StateKey, EventId>
  event: Pdu
  expected: EventId[]
}

const cases = readCases<Case>('auth_selection')

test.each(stableVersions)('auth events are selected as others do in room version %s', (version) => {
  const ours = cases.filter((each) => each.room_version === version)
  expect(ours.length).toBeGreaterThan(0)
  for (const { id, room_version, state, event, expected } of ours) {
    const lookup = new Map(Object.entries(state)) as unknown as Map<StateKey, EventId>
    const selected = selectAuthEvents(event, lookup, roomVersions[room_version])
    expect({ id, selected: selected.toSorted() }).toEqual({ id, selected: expected })
  }
})
