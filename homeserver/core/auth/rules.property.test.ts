import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { anyDraft, anyHistory, anyVersion, completed, users } from '../../../test/support/room-history.ts'
import { membership } from '../../../test/support/room-model.ts'
import { authStateKeys } from './auth-events.ts'
import { powerLevelsOf, userLevel } from './power-levels.ts'

const user = fc.constantFrom(...users)

test('only the state an event is selected by decides about it', () => {
  fc.assert(
    fc.property(anyHistory(anyVersion), anyDraft, ({ room, forks: [state] }, attempt) => {
      const draft = completed(attempt, room, state)
      const keys = new Set([...authStateKeys(draft, room.version), 'm.room.create\0'])
      const selected = new Map([...state].filter(([key]) => keys.has(key)))
      expect(room.check(selected, draft)).toEqual(room.check(state, draft))
    }),
  )
})

test('a banned user can do nothing in the room', () => {
  fc.assert(
    fc.property(anyHistory(anyVersion), anyDraft, ({ room, forks: [state] }, attempt) => {
      room.add(state, membership(attempt.sender, 'ban', users[0]))
      expect(room.check(state, completed(attempt, room, state)).allowed).toBe(false)
    }),
  )
})

test('nobody gives or takes more than they have', () => {
  fc.assert(
    fc.property(anyHistory(anyVersion), anyDraft, user, ({ room, forks: [state] }, attempt, other) => {
      const levels = () => powerLevelsOf(room.authState(state), room.version)
      const before = levels()
      const sender = attempt.sender
      if (!room.send(state, completed(attempt, room, state)).allowed) return
      const now = userLevel(levels(), other)
      const was = userLevel(before, other)
      if (now !== was && before.content?.users) {
        expect(now <= userLevel(before, sender)).toBe(true)
        expect(other === sender || was <= userLevel(before, sender)).toBe(true)
      }
    }),
  )
})

test('who removes or bans somebody stood above them', () => {
  fc.assert(
    fc.property(
      anyHistory(anyVersion),
      user,
      user,
      fc.constantFrom('leave', 'ban'),
      (history, sender, target, value) => {
        const {
          room,
          forks: [state],
        } = history
        fc.pre(sender !== target && room.check(state, membership(target, value, sender)).allowed)
        const levels = powerLevelsOf(room.authState(state), room.version)
        expect(userLevel(levels, sender) > userLevel(levels, target)).toBe(true)
      },
    ),
  )
})
