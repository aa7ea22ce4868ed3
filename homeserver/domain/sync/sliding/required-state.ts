/** Which state of a room a client asks for. https://github.com/matrix-org/matrix-spec-proposals/pull/4186 */
import type { UserId } from '../../../core/ids.ts'

/** A type and a state key; `*` stands for any. */
export type StatePattern = readonly [type: string, stateKey: string]

export interface RequiredState {
  /** Equal for what asks for the same. */
  readonly key: string
  readonly patterns: readonly StatePattern[]
  /** Members are told as the timeline names them. */
  readonly lazy: boolean
  /** The types to read, members aside. */
  readonly types: 'all' | ReadonlySet<string>
  readonly members: 'all' | ReadonlySet<UserId>
  matches(type: string, stateKey: string): boolean
}

const memberType = 'm.room.member'
const any = '*'
/** State keys that stand for something else. */
const [lazily, me] = ['$LAZY', '$ME']

/**
 * Beside `["*", "*"]` the patterns of a type are all there is of that type, so that a client can ask for everything but
 * the members.
 */
export function compileRequiredState(patterns: readonly StatePattern[], userId: UserId): RequiredState {
  const byType = new Map<string, Set<string>>()
  const everywhere = new Set<string>()
  let [all, lazy] = [false, false]
  for (const [type, given] of patterns) {
    const stateKey = given === me ? userId : given
    if (type === any) {
      if (stateKey === any) all = true
      else everywhere.add(stateKey)
      continue
    }
    const keys = byType.get(type) ?? new Set()
    byType.set(type, keys)
    if (type === memberType && stateKey === lazily) lazy = true
    else keys.add(stateKey)
  }
  const matches = (type: string, stateKey: string): boolean => {
    const keys = byType.get(type)
    if (everywhere.has(stateKey)) return true
    return keys ? keys.has(stateKey) || keys.has(any) : all
  }
  const ofMembers = byType.get(memberType)
  const types = [...byType.keys()].filter((type) => type !== memberType)
  return {
    key: JSON.stringify(patterns.toSorted(compare)),
    patterns,
    lazy,
    types: all || everywhere.size > 0 ? 'all' : new Set(types),
    members:
      ofMembers?.has(any) || (all && !ofMembers) ? 'all' : new Set([...(ofMembers ?? []), ...everywhere] as UserId[]), // keys of member events are users
    matches,
  }
}

function compare(a: StatePattern, b: StatePattern): number {
  const [left, right] = [a.join('\0'), b.join('\0')]
  return left < right ? -1 : Number(left > right)
}
