/** Whose a piece of state is. https://github.com/matrix-org/matrix-spec-proposals/pull/3757 */
import { isUserId, type UserId } from '../ids.ts'

/** The user id that a state key is, or begins with, an underscore after it; undefined for other keys. */
export function ownerOf(stateKey: string): UserId | undefined {
  const end = stateKey.indexOf('_', stateKey.indexOf(':') + 1) // host names have no underscore
  const userId = end < 0 ? stateKey : stateKey.slice(0, end)
  return isUserId(userId) ? userId : undefined
}
