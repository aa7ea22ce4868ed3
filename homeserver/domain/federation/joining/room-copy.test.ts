import { describe, expect, test } from '@jest/globals'
import { stateKeyOf } from '../../../core/event.ts'
import type { EventId } from '../../../core/ids.ts'
import { roomVersions } from '../../../core/room-version.ts'
import { checkState } from './room-copy.ts'

const version = roomVersions['11']
const createKey = stateKeyOf('m.room.create', '')
const member = stateKeyOf('m.room.member', '@a:b.test')

describe('a state that a server has told', () => {
  const check = (state: [EventId, string | undefined][], verified: EventId[], created: [EventId, string][]): void => {
    const keys = state as [EventId, typeof createKey | undefined][]
    checkState('b.test', version, { state: new Map(keys), createdVersions: new Map(created) }, new Set(verified))
  }

  test('is one of this room if it has its create event, and one event for each key', () => {
    check(
      [
        ['$create', createKey],
        ['$a', member],
      ],
      ['$create', '$a'],
      [['$create', '11']],
    )
  })

  test('is what of it is verified', () => {
    const state: [EventId, string | undefined][] = [
      ['$create', createKey],
      ['$a', member],
      ['$forged', member],
      ['$none', undefined],
    ]
    check(state, ['$create', '$a'], [['$create', '11']])
    expect(() => check(state, ['$create', '$a', '$forged'], [['$create', '11']])).toThrow('two events for one key')
    expect(() => check(state, ['$create', '$a', '$none'], [['$create', '11']])).toThrow('an event that is none')
    expect(() => check(state, ['$a'], [['$create', '11']])).toThrow('without a create event')
  })

  test('has the version of the create event that is verified, whatever another one says', () => {
    const state: [EventId, string][] = [
      ['$create', createKey],
      ['$forged', createKey],
    ]
    const created: [EventId, string][] = [
      ['$create', '10'],
      ['$forged', '11'],
    ]
    expect(() => check(state, ['$create'], created)).toThrow('another version')
    expect(() => check(state, ['$forged'], created)).not.toThrow()
  })
})
