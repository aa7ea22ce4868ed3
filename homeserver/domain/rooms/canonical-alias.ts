/** Aliases a room shows as its own must lead to it. https://spec.matrix.org/v1.19/client-server-api/#mroomcanonical_alias */
import { invalidParam, refuse } from '../../core/errors.ts'
import type { Json, JsonObject } from '../../core/event.ts'
import { isRoomAlias, type RoomId } from '../../core/ids.ts'
import type { RoomDirectory } from './hooks.ts'

/** As many aliases as a room can show; each of another server's is asked for there. */
const MAX_ALIASES = 100

/**
 * Throws `M_INVALID_PARAM` for what is no alias, `M_BAD_ALIAS` for one that does not lead to the room. Aliases of the
 * event before it were looked at then.
 */
export async function checkCanonicalAlias(
  directory: RoomDirectory,
  roomId: RoomId,
  content: JsonObject,
  before: JsonObject | undefined,
): Promise<void> {
  const known = new Set(before ? aliasesOf(before) : [])
  const added = aliasesOf(content).filter((alias) => !known.has(alias))
  if (added.length > MAX_ALIASES) throw invalidParam(`At most ${MAX_ALIASES} aliases can be added at once`)
  for (const alias of added) {
    if (!isRoomAlias(alias)) throw invalidParam('alias and alt_aliases must be room aliases')
    const found = await directory.resolve(alias)
    if (found?.roomId !== roomId) throw refuse(400, 'M_BAD_ALIAS', `${alias} does not lead to this room`)
  }
}

function aliasesOf({ alias, alt_aliases: others }: JsonObject): Json[] {
  const single = alias === undefined || alias === null || alias === '' ? [] : [alias]
  if (others === undefined || others === null) return single
  return [...single, ...(Array.isArray(others) ? (others as readonly Json[]) : [others])]
}
