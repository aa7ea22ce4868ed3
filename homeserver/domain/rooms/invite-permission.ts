/**
 * From whom users take invites: from nobody (https://spec.matrix.org/v1.19/client-server-api/#invite-permission), or by
 * lists of users and servers (https://github.com/matrix-org/matrix-spec-proposals/pull/4155).
 */
import { isJsonObject, parseJson } from '../../core/canonical-json.ts'
import { refuse } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import { compileGlob } from '../../core/glob.ts'
import { serverNameOf, type UserId } from '../../core/ids.ts'
import { listAccountDataOfUsers } from '../../storage/account-data.ts'
import type { Conn } from '../../storage/database.ts'

const blanketType = 'm.invite_permission_config'
const listsType = 'org.matrix.msc4155.invite_permission_config'

/** The first that matches counts. Of the ignored the user is not told. */
const rules = ['allowed', 'ignored', 'blocked'] as const
type Rule = (typeof rules)[number]

/** Throws `M_INVITE_BLOCKED` if one of the users takes no invite from this one. */
export async function checkInvitePermission(conn: Conn, inviter: UserId, invited: readonly UserId[]): Promise<void> {
  const [blankets, lists] = await Promise.all([
    listAccountDataOfUsers(conn, blanketType, invited),
    listAccountDataOfUsers(conn, listsType, invited),
  ])
  for (const userId of invited) {
    const takesNone = contentOf(blankets.get(userId))['default_action'] === 'block'
    if (takesNone || ruleFor(inviter, contentOf(lists.get(userId))) === 'blocked') {
      throw refuse(403, 'M_INVITE_BLOCKED', `${userId} does not take this invite`)
    }
  }
}

/** Whose invites the user does not want to hear of. */
export async function findIgnoredInviters(conn: Conn, userId: UserId): Promise<(inviter: UserId) => boolean> {
  const lists = contentOf((await listAccountDataOfUsers(conn, listsType, [userId])).get(userId))
  return (inviter) => ruleFor(inviter, lists) === 'ignored'
}

/** What is said of a user counts more than what is said of his server. */
function ruleFor(inviter: UserId, lists: JsonObject): Rule {
  for (const [kind, name] of [
    ['users', inviter],
    ['servers', serverNameOf(inviter)],
  ] as const) {
    const rule = rules.find((each) => isListed(name, lists[`${each}_${kind}`]))
    if (rule) return rule
  }
  return 'allowed'
}

function isListed(name: string, globs: unknown): boolean {
  return Array.isArray(globs) && globs.some((glob) => typeof glob === 'string' && compileGlob(glob)(name))
}

function contentOf(text: string | undefined): JsonObject {
  const content = text === undefined ? {} : parseJson(text, { numbers: 'plain' })
  return isJsonObject(content) ? content : {}
}
