/** Users who take no invites. https://spec.matrix.org/v1.19/client-server-api/#invite-permission */
import { isJsonObject, parseJson } from '../../core/canonical-json.ts'
import { refuse } from '../../core/errors.ts'
import type { UserId } from '../../core/ids.ts'
import { listAccountDataOfUsers } from '../../storage/account-data.ts'
import type { Conn } from '../../storage/database.ts'

/** Throws `M_INVITE_BLOCKED` if one of the users takes none. */
export async function checkInvitePermission(conn: Conn, invited: readonly UserId[]): Promise<void> {
  for (const [userId, text] of await listAccountDataOfUsers(conn, 'm.invite_permission_config', invited)) {
    const config = parseJson(text, { numbers: 'plain' })
    if (isJsonObject(config) && config['default_action'] === 'block') {
      throw refuse(403, 'M_INVITE_BLOCKED', `${userId} takes no invites`)
    }
  }
}
