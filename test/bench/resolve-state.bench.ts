/**
 * `node test/bench/resolve-state.bench.ts [CONFLICTS]`: how long it takes to resolve two states of a room that have each
 * another event of so many members, and how long nothing else could be done meanwhile.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { encodeCanonical } from '../../homeserver/core/canonical-json.ts'
import type { EventId, UserId } from '../../homeserver/core/ids.ts'
import { roomVersions } from '../../homeserver/core/room-version.ts'
import { type ResolvableEvent, StateResolver } from '../../homeserver/domain/rooms/resolve-state.ts'
import { joinRules, membership, RoomModel, type State } from '../support/room-model.ts'

const ROUNDS = 5
const conflicts = Number(process.argv[2] ?? 5_000)

for (const id of ['11', '12'] as const) {
  const room = new RoomModel(roomVersions[id])
  const before: State = new Map(room.start)
  room.add(before, joinRules(room.creator, 'public'))
  const sets = ['one', 'two'].map((displayname) => {
    const state: State = new Map(before)
    for (let n = 0; n < conflicts; n++) {
      const userId: UserId = `@member${n}:b.example`
      room.add(state, membership(userId, 'join', userId, { displayname }))
    }
    return state
  })
  const events = new Map<EventId, ResolvableEvent>()
  for (const { eventId, roomId, pdu } of room.events.values()) {
    events.set(eventId, { eventId, roomId, pdu, nid: events.size, json: encodeCanonical(pdu), isRejected: false })
  }
  const resolver = new StateResolver()
  const times: number[] = []
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  for (let round = 0; round < ROUNDS; round++) {
    const from = performance.now()
    const resolved = await resolver.resolve({ version: room.version, sets, events, isStrict: true })
    times.push(performance.now() - from)
    if (resolved.size !== before.size + conflicts) throw new Error(`resolved to ${resolved.size} events`)
  }
  delay.disable()
  const figures = {
    roomVersion: id,
    conflicts: `2 x ${conflicts}`,
    ms: times.map(Math.round),
    loopHeldMsMost: Math.round(delay.max / 1e6),
  }
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}
