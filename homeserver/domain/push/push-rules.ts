/** The push rules of users, in memory for those whose rooms are active. */
import type { UserId } from '../../core/ids.ts'
import { defaultRuleset } from '../../core/push-rules/defaults.ts'
import { type CompiledOwnRules, compileOwn } from '../../core/push-rules/evaluate.ts'
import { mergeRules, type OwnRules, type Ruleset } from '../../core/push-rules/ruleset.ts'
import type { Bus } from '../../platform/bus.ts'
import { ReadCache } from '../../platform/read-cache.ts'
import type { Conn, Database } from '../../storage/database.ts'
import { listPushRules, setPushRules } from '../../storage/push-rules.ts'
import type { Streams } from '../../storage/streams.ts'

interface Known {
  readonly own: OwnRules
  /** Undefined for who changed nothing. */
  readonly compiled: CompiledOwnRules | undefined
}

const MAX_USERS = 20_000
const nothing: Known = { own: { rules: {} }, compiled: undefined }

export class PushRules {
  readonly #database: Database
  readonly #streams: Streams
  readonly #known = new ReadCache<UserId, Known>(MAX_USERS)

  constructor({ database, bus, streams }: { database: Database; bus: Bus; streams: Streams }) {
    this.#database = database
    this.#streams = streams
    bus.subscribe((bell) => {
      if (bell.stream !== 'push_rules') return
      const known = bell.payload as Known | undefined // only `change` rings this stream
      const users = (bell.keys.users ?? []) as UserId[] // this stream is keyed by users
      if (!known) return this.#known.drop(users)
      for (const user of users) this.#known.set(user, known)
    })
  }

  /** The rules of these users, compiled; those who changed nothing are left out. */
  async compiled(conn: Conn, userIds: readonly UserId[]): Promise<Map<UserId, CompiledOwnRules>> {
    const found = new Map<UserId, CompiledOwnRules>()
    for (const [userId, { compiled }] of await this.#list(conn, userIds)) if (compiled) found.set(userId, compiled)
    return found
  }

  /** All rules of a user as clients see them, and what he made of the default ones. */
  async rulesOf(userId: UserId): Promise<{ readonly ruleset: Ruleset; readonly own: OwnRules }> {
    const { own } = (await this.#list(this.#database, [userId])).get(userId) ?? nothing
    return { ruleset: mergeRules(defaultRuleset(userId), own), own }
  }

  /** Replaces what a user made of the rules, by what `change` makes of it. */
  async change(userId: UserId, change: (own: OwnRules) => OwnRules): Promise<void> {
    await this.#database.transaction('change push rules', async (tx) => {
      const [stored] = await listPushRules(tx, [userId])
      const rules = change(stored?.rules ?? nothing.own)
      const streamId = this.#streams.reserve(tx, 'push_rules', 1, { users: [userId] }, knownOf(rules))
      await setPushRules(tx, { userId, rules, streamId })
    })
  }

  async #list(conn: Conn, userIds: readonly UserId[]): Promise<Map<UserId, Known>> {
    return await this.#known.list(userIds, async (missing) => {
      const rows = new Map((await listPushRules(conn, missing)).map(({ userId, rules }) => [userId, knownOf(rules)]))
      return missing.map((userId) => [userId, rows.get(userId) ?? nothing] as const)
    })
  }
}

function knownOf(own: OwnRules): Known {
  return { own, compiled: compileOwn(own) }
}
