/** Profiles of users. https://spec.matrix.org/v1.19/client-server-api/#profiles */
import { encodeCanonical } from '../../core/canonical-json.ts'
import { invalidParam, notFound, refuse } from '../../core/errors.ts'
import type { Json } from '../../core/event.ts'
import { parseMxc, parseUserId, type ServerName, type UserId } from '../../core/ids.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import type { Background } from '../../platform/lifecycle.ts'
import { findAccount } from '../../storage/accounts.ts'
import type { Database } from '../../storage/database.ts'
import { findProfile, listProfiles, type Profile, setProfile, setProfileChange } from '../../storage/profiles.ts'
import { maxAvatarUrl, maxDisplayName, maxProfileBytes, maxProfileKeyBytes } from '../limits.ts'
import type { Streams } from '../../storage/streams.ts'
import type { AccountHooks } from './hooks.ts'
import type { Requester } from './requester.ts'

/** As on the wire: `displayname`, `avatar_url` and any other key. */
export type ProfileFields = Readonly<Record<string, Json>>

const empty: Profile = { displayname: undefined, avatarUrl: undefined, fields: {} }
/** https://spec.matrix.org/v1.19/appendices/#common-namespaced-identifier-grammar */
const KEY = /^[a-z][a-z\d._-]*$/

export class Profiles {
  readonly #database: Database
  readonly #background: Background
  readonly #streams: Streams
  readonly #serverName: ServerName
  readonly #hooks: AccountHooks
  /** The rooms of a user hear of one change after the other. */
  readonly #propagating = new KeyedLock({ name: 'profile of' })

  constructor(parts: {
    database: Database
    background: Background
    streams: Streams
    serverName: ServerName
    hooks: AccountHooks
  }) {
    this.#database = parts.database
    this.#background = parts.background
    this.#streams = parts.streams
    this.#serverName = parts.serverName
    this.#hooks = parts.hooks
  }

  /** A user's whole profile. Throws `M_NOT_FOUND` for a user nobody knows of. */
  async get(userId: string): Promise<ProfileFields> {
    if (parseUserId(userId)?.server !== this.#serverName) return await this.#getRemote(userId)
    const [account, profile] = await Promise.all([
      findAccount(this.#database, userId),
      findProfile(this.#database, userId),
    ])
    if (!account || account.isErased) throw notFound('There is no such user')
    return wireOf(profile ?? empty)
  }

  /** What member events and the search of users show of local users; who has set nothing is left out. */
  async list(userIds: readonly UserId[]): Promise<Map<UserId, Profile>> {
    return await listProfiles(this.#database, userIds)
  }

  /**
   * Sets a field, or takes it away with `undefined`; the rooms hear of names and avatars in the background. Throws
   * `M_INVALID_PARAM`, `M_KEY_TOO_LARGE` and `M_PROFILE_TOO_LARGE`.
   */
  async set(who: Requester, userId: UserId, key: string, value: Json | undefined): Promise<void> {
    checkField(key, value)
    const rooms = (await Promise.all(this.#hooks.profiles.map((hook) => hook.audience(userId)))).flat()
    const isShown = await this.#database.transaction('set profile field', async (tx) => {
      const before = (await findProfile(tx, userId)) ?? empty
      const after = changed(before, key, value)
      if (Buffer.byteLength(encodeCanonical(wireOf(after))) > maxProfileBytes) {
        throw refuse(400, 'M_PROFILE_TOO_LARGE', `A profile has at most ${maxProfileBytes} bytes`)
      }
      await setProfile(tx, userId, after)
      const streamId = this.#streams.reserve(tx, 'profiles', 1, { users: [userId], rooms })
      await setProfileChange(tx, { userId, field: key, streamId })
      return before.displayname !== after.displayname || before.avatarUrl !== after.avatarUrl
    })
    if (isShown) this.#propagate({ ...who, userId })
  }

  #propagate(who: Requester): void {
    this.#background.run('show profile in rooms', () =>
      this.#propagating.run(who.userId, async () => {
        const { displayname, avatarUrl } = (await findProfile(this.#database, who.userId)) ?? empty
        for (const hook of this.#hooks.profiles) await hook.changed(who, { displayname, avatarUrl })
      }),
    )
  }

  async #getRemote(userId: string): Promise<ProfileFields> {
    for (const remote of this.#hooks.remoteProfiles) {
      const profile = await remote.find(userId)
      if (profile) return profile
    }
    throw notFound('There is no such user')
  }
}

function checkField(key: string, value: Json | undefined): void {
  if (Buffer.byteLength(key) > maxProfileKeyBytes) {
    throw refuse(400, 'M_KEY_TOO_LARGE', `A key has at most ${maxProfileKeyBytes} bytes`)
  }
  if (!KEY.test(key)) throw invalidParam('A key has only a to z, digits and . _ -, and begins with a letter')
  if (value === undefined) return
  if (key === 'displayname' && (typeof value !== 'string' || value.length > maxDisplayName)) {
    throw invalidParam(`'displayname' must be a text of at most ${maxDisplayName} characters`)
  }
  if (key === 'avatar_url' && !isAvatar(value)) throw invalidParam("'avatar_url' must be an mxc:// URI")
}

/** Clients load what they are given, so no other scheme passes. What is no URI at all they leave alone. */
function isAvatar(value: Json): boolean {
  if (typeof value !== 'string' || value.length > maxAvatarUrl) return false
  return !value.includes(':') || parseMxc(value) !== undefined
}

/** An empty name or avatar is none: so clients take them away. */
function changed(profile: Profile, key: string, value: Json | undefined): Profile {
  const text = typeof value === 'string' && value !== '' ? value : undefined
  if (key === 'displayname') return { ...profile, displayname: text }
  if (key === 'avatar_url') return { ...profile, avatarUrl: text }
  const { [key]: _, ...others } = profile.fields
  return { ...profile, fields: value === undefined ? others : { ...others, [key]: value } }
}

/** A profile by the keys of the wire. */
export function wireOf({ displayname, avatarUrl, fields }: Profile): ProfileFields {
  return {
    ...(displayname === undefined ? {} : { displayname }),
    ...(avatarUrl === undefined ? {} : { avatar_url: avatarUrl }),
    ...fields,
  }
}
