import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import {
  anyDraft,
  anyHistory,
  anyVersion,
  completed,
  creator,
  type History,
} from '../../../test/support/room-history.ts'
import { membership, type State } from '../../../test/support/room-model.ts'
import { checkAuth } from '../auth/rules.ts'
import { referenceIds, stateKeyOf } from '../event.ts'
import type { UserId } from '../ids.ts'
import { roomVersions } from '../room-version.ts'
import type { StateMap } from './auth-chain.ts'
import { resolveState } from './resolve.ts'

const resolve = ({ room }: History, stateSets: readonly StateMap[]): State =>
  resolveState(room.version, stateSets, room.fetch)
const sinceVersion2 = fc.constantFrom(...Object.values(roomVersions).filter(({ id }) => id !== '1'))

/** As in property P8 of the goals: nothing depends on the order in which things are told. */
test('neither the order of the states nor that of their entries matters', () => {
  fc.assert(
    fc.property(anyHistory(anyVersion), fc.infiniteStream(fc.nat()), (history, numbers) => {
      const shuffled = <Item>(items: Iterable<Item>): Item[] =>
        [...items]
          .map((item) => ({ item, rank: numbers.next().value }))
          .toSorted((a, b) => a.rank - b.rank)
          .map(({ item }) => item)
      const stateSets = shuffled(history.forks).map((fork) => new Map(shuffled(fork)))
      expect(resolve(history, stateSets)).toEqual(resolve(history, history.forks))
    }),
  )
})

test('a state told twice counts once, and states that agree stay as they are', () => {
  fc.assert(
    fc.property(anyHistory(anyVersion), (history) => {
      const [first, second, third] = history.forks
      const resolved = resolve(history, history.forks)
      expect(resolve(history, [first, second, third, first, second])).toEqual(resolved)
      expect(resolve(history, [resolved, resolved])).toEqual(resolved)
      expect(resolve(history, [first])).toEqual(first)
    }),
  )
})

test('what all states agree on stays', () => {
  fc.assert(
    fc.property(anyHistory(anyVersion), (history) => {
      const [first, second, third] = history.forks
      const resolved = resolve(history, history.forks)
      const agreed = [...first].filter(([key, id]) => second.get(key) === id && third.get(key) === id)
      expect([...resolved]).toEqual(expect.arrayContaining(agreed))
      expect(resolved.get('m.room.create\0')).toBe(first.get('m.room.create\0'))
    }),
  )
})

const stranger: UserId = '@stranger:evil.example'

test('an event that no state allows is never chosen', () => {
  fc.assert(
    fc.property(anyHistory(sinceVersion2), anyDraft, (history, attempt) => {
      const forged = new Map(history.forks[0])
      const { eventId } = history.room.add(forged, { ...attempt, sender: stranger })
      const resolved = resolve(history, [forged, ...history.forks])
      expect([...resolved.values()]).not.toContain(eventId)
    }),
  )
})

test('an event that no state allows is as good as none', () => {
  fc.assert(
    fc.property(anyHistory(sinceVersion2), (history) => {
      const [first, ...others] = history.forks
      const forged = new Map(first)
      history.room.add(forged, { type: 'm.room.topic', sender: stranger, state_key: '', content: {} })
      const without = new Map(first)
      without.delete('m.room.topic\0')
      expect(resolve(history, [forged, ...others])).toEqual(resolve(history, [without, ...others]))
    }),
  )
})

/** Property P9. The creator may not leave: bans by somebody who turns out to have left before are no bans. */
test('in room version 12 a user whom the creator banned on all forks stays banned', () => {
  const drafts = anyDraft.filter((draft) => draft.state_key !== creator)
  fc.assert(
    fc.property(
      anyHistory(fc.constant(roomVersions[12]), drafts),
      fc.array(drafts, { maxLength: 10 }),
      (history, later) => {
        const { room, forks } = history
        const banned: UserId = '@user:b.example'
        for (const fork of forks) {
          expect(room.send(fork, membership(banned, 'ban', creator)).allowed).toBe(true)
          for (const draft of later) if (draft.state_key !== banned) room.send(fork, completed(draft, room, fork))
        }
        expect(room.content(resolve(history, forks), 'm.room.member', banned)).toEqual({ membership: 'ban' })
      },
    ),
  )
})

test('in room version 12 power levels never come from somebody who could not send them', () => {
  fc.assert(
    fc.property(anyHistory(fc.constant(roomVersions[12])), (history) => {
      const { room, forks } = history
      const resolved = resolve(history, forks)
      const current = room.authState(resolved).get('m.room.power_levels', '')
      expect(current?.eventId).toBeDefined()
      const cited = new Map(room.start)
      for (const id of referenceIds(current?.pdu.auth_events ?? [])) {
        const pdu = room.fetch(id)?.pdu
        if (pdu) cited.set(stateKeyOf(pdu.type, pdu.state_key ?? ''), id)
      }
      expect(current && checkAuth(current, room.authState(cited), room.version)).toEqual({ allowed: true })
    }),
  )
})
