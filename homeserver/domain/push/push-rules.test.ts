import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import { PushRules } from './push-rules.ts'

const bob = '@bob:hs.test'

forEachDatabase(({ dialect, freshUrl }) => {
  if (dialect === 'sqlite') return // there one transaction waits for the other
  test('rules that change while an event is being written are in force after it', async () => {
    await using heart = await Heart.open(await freshUrl())
    const rules = new PushRules(heart)
    const begun = Promise.withResolvers<void>()
    const own = { rules: {}, enabled: { '.m.rule.master': true } }
    const change = begun.promise.then(() => rules.change(bob, () => own))
    await heart.database.transaction('write an event', async (tx) => {
      await tx.rows('select room_id from rooms') // from here on it sees nothing new
      begun.resolve()
      await change
      await rules.compiled(tx, [bob])
    })
    expect((await rules.rulesOf(bob)).own).toEqual(own)
  })
})
