/** Contents of member events, with what the profile of their user shows. */
import type { JsonObject } from '../../core/event.ts'
import type { UserId } from '../../core/ids.ts'
import type { Conn } from '../../storage/database.ts'
import type { Membership } from '../../storage/memberships.ts'
import { listProfiles, type Profile } from '../../storage/profiles.ts'

/** `more` wins over the profile, so that somebody may have a name of their own in a room. */
export function memberContent(
  membership: Membership,
  profile: Pick<Profile, 'displayname' | 'avatarUrl'> | undefined,
  more: JsonObject = {},
): JsonObject {
  return {
    ...(profile?.avatarUrl === undefined ? {} : { avatar_url: profile.avatarUrl }),
    ...(profile?.displayname === undefined ? {} : { displayname: profile.displayname }),
    ...more,
    membership,
  }
}

/** As `memberContent`, for local users; those of other servers bring their profiles themselves. */
export async function memberContents(
  conn: Conn,
  membership: Membership,
  userIds: readonly UserId[],
  more: JsonObject = {},
): Promise<Map<UserId, JsonObject>> {
  const profiles = await listProfiles(conn, userIds)
  return new Map(userIds.map((userId) => [userId, memberContent(membership, profiles.get(userId), more)]))
}
