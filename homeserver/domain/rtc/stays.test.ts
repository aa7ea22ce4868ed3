import { describe, expect, test } from '@jest/globals'
import type { StayRow } from '../../storage/call-history.ts'
import { arrival, begun, continued, endOf, type Facts } from './stays.ts'

const stay: StayRow = {
  call_id: 'call',
  user_id: '@alice:hs.test',
  joined_ts: 1_000,
  left_ts: null,
  at_sfu: 0,
  seen_ts: null,
  returns: 0,
  end_reason: null,
}
const nothing: Facts = { now: 100_000, isLocal: true, shown: undefined, isAtSfu: undefined, gone: undefined }
const lasting = { since: 1_000, until: 1_000_000 }

describe('who is in a call', () => {
  test('whom only the room shows is there as long as it does', () => {
    expect(continued(stay, { ...nothing, shown: lasting }).left_ts).toBeNull()
    expect(continued(stay, nothing).left_ts).toBe(100_000)
    expect(continued(stay, { ...nothing, shown: { since: 1_000, until: 60_000 } }).left_ts).toBe(60_000)
  })

  test('whom our SFU had and has no more is gone, whatever the room shows, if they can be nowhere else', () => {
    const seen = { ...stay, at_sfu: 1, seen_ts: 90_000 }
    const lost = { ...nothing, shown: lasting, isAtSfu: false }
    expect(continued(seen, lost)).toMatchObject({ at_sfu: 0, left_ts: 100_000 })
    expect(continued(seen, { ...lost, isLocal: false })).toMatchObject({ at_sfu: 0, left_ts: null })
    expect(continued(seen, { ...nothing, shown: lasting })).toEqual(seen) // the SFU was not looked at
  })

  test('of whom the SFU told that they left is known when and why; of whom it did not, until when they were seen', () => {
    const seen = { ...stay, at_sfu: 1, seen_ts: 20_000 }
    const told = continued(seen, { ...nothing, isAtSfu: false, gone: { reason: 'CLIENT_INITIATED' } })
    expect(told).toMatchObject({ left_ts: 100_000, end_reason: 'CLIENT_INITIATED' })
    expect(continued(seen, { ...nothing, isAtSfu: false })).toMatchObject({ left_ts: 50_000, end_reason: null })
  })

  test('what an app said before the SFU lost it does not bring it back, what it says later does', () => {
    const left = { ...stay, left_ts: 50_000, seen_ts: 50_000 }
    expect(arrival(left, { ...nothing, shown: lasting })).toBeUndefined()
    expect(arrival(left, { ...nothing, shown: { ...lasting, since: 60_000 } })).toBe(60_000)
    expect(arrival(left, { ...nothing, shown: lasting, isAtSfu: true })).toBe(100_000)
    // the clocks of other servers are not ours
    expect(arrival({ ...left, seen_ts: null }, { ...nothing, isLocal: false, shown: lasting })).toBe(50_000)
  })

  test('who was gone for a moment has not left; who comes later begins a stay of their own', () => {
    const left = { ...stay, left_ts: 90_000, end_reason: 'SIGNAL_CLOSE' }
    const who = { callId: 'call', userId: '@alice:hs.test', joinedTs: 100_000 } as const
    expect(begun(who, left, nothing)).toMatchObject({ joined_ts: 1_000, left_ts: null, returns: 1, end_reason: null })
    expect(begun({ ...who, joinedTs: 130_000 }, left, nothing)).toMatchObject({ joined_ts: 130_000, returns: 0 })
  })

  test('a call ends with the last stay, when nobody came back for a moment', () => {
    const [one, other] = [
      { ...stay, left_ts: 20_000 },
      { ...stay, left_ts: 70_000 },
    ]
    expect(endOf([one, other], 99_999)).toBeUndefined()
    expect(endOf([one, other], 100_000)).toBe(70_000)
    expect(endOf([one, stay], 10_000_000)).toBeUndefined()
  })
})
