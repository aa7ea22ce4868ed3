/** Ours, but for the first: where the state of a room has forked, what another server tells of it, and taking its word. */
import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import type { IdentifiedPdu, StateKey } from '../../core/event.ts'
import { isServerName, isUserId, type ServerName } from '../../core/ids.ts'
import type { StateDifference } from '../../domain/admin/state-repair.ts'
import { roomIdOf } from '../client/path-ids.ts'
import { endpoint } from '../endpoint.ts'

const common = { auth: 'admin', limit: 'admin' } as const
const path = '/_domovoi/admin/v1/rooms/:roomId'

/** Of a list; how long it is is told beside it. */
const MAX_LISTED = 1_000

/** https://element-hq.github.io/synapse/latest/admin_api/rooms.html#forward-extremities-admin-api */
const extremities = endpoint({
  ...common,
  method: 'GET',
  path: '/_synapse/admin/v1/rooms/:roomId/forward_extremities',
  handle: async ({ params }, { stateRepair }) => {
    const { tips } = await stateRepair.branches(roomIdOf(params))
    const results = tips.map(({ eventId, row }) => ({
      event_id: eventId,
      state_group: row.state_group,
      depth: row.depth,
      received_ts: row.origin_server_ts,
    }))
    return { count: results.length, results }
  },
})

const branches = endpoint({
  ...common,
  method: 'GET',
  path: `${path}/state_branches`,
  handle: async ({ params }, { stateRepair }) => {
    const { version, tips, conflicts } = await stateRepair.branches(roomIdOf(params))
    return {
      room_version: version,
      forward_extremities: tips.map((tip) => ({ depth: tip.row.depth, type: tip.row.type, ...shown(tip) })),
      total_conflicts: conflicts.length,
      conflicts: conflicts.slice(0, MAX_LISTED).map(({ key, current, said }) => ({
        ...keyOf(key),
        current: shown(current),
        branches: said.map(shown),
      })),
    }
  },
})

const compare = endpoint({
  ...common,
  method: 'GET',
  path: `${path}/state_of/:server`,
  handle: async ({ params }, { stateRepair, config }) => {
    const server = otherServer(params.server, config.server_name)
    const { at, differences } = await stateRepair.compare(roomIdOf(params), server)
    return { at, ...listed(differences, 'here', 'there') }
  },
})

const take = endpoint({
  ...common,
  method: 'POST',
  path: `${path}/take_state`,
  body: z.object({ server: z.string(), user_id: z.string().optional() }),
  handle: async ({ params, body }, { stateRepair, roomAdmin, config }) => {
    const server = otherServer(body.server, config.server_name)
    const roomId = roomIdOf(params)
    const userId = body.user_id ?? (await roomAdmin.mightiest(roomId))
    if (!isUserId(userId)) throw invalidParam('user_id is not a user id')
    const { eventId, changes } = await stateRepair.takeFrom(roomId, server, userId)
    return { event_id: eventId, user_id: userId, ...listed(changes, 'before', 'now') }
  },
})

function otherServer(name: string, own: ServerName): ServerName {
  if (!isServerName(name) || name === own) throw invalidParam('This is not the name of another server')
  return name
}

/** `here` and `there` are what both sides are called. */
const listed = (differences: readonly StateDifference[], here: string, there: string): Record<string, unknown> => ({
  total: differences.length,
  differences: differences
    .slice(0, MAX_LISTED)
    .map((one) => ({ ...keyOf(one.key), [here]: shown(one.here), [there]: shown(one.there) })),
})

function keyOf(key: StateKey): { type: string; state_key: string } {
  const [type = '', stateKey = ''] = key.split('\0')
  return { type, state_key: stateKey }
}

function shown(event: IdentifiedPdu | undefined): Record<string, unknown> | null {
  if (!event) return null
  const { sender, origin_server_ts: ts, content } = event.pdu
  return { event_id: event.eventId, sender, origin_server_ts: ts, content }
}

export const adminRoomStateEndpoints = [extremities, branches, compare, take]
