/** The drills, short: enough to see that they can be run and what they find by a few kills. `npm run drill` is the whole. */
import { expect, jest, test } from '@jest/globals'
import { forEachDatabase } from '../support/databases.ts'
import { killWhileWriting } from './d1-kill-while-writing.ts'
import { killInCommit } from './d3-kill-in-commit.ts'

jest.setTimeout(120_000) // every kill is a start of the program

forEachDatabase(({ freshUrl }) => {
  test('D1: nothing acknowledged is lost or there twice when the server dies while clients write', async () => {
    const { figures } = await killWhileWriting({ databaseUrl: await freshUrl(), kills: 3, killAfterMs: [300, 900] })
    expect(figures).toMatchObject({ kills: 3, lost: 0, duplicated: 0, gapTokens: 0, inconsistent: 0 })
    expect(figures['acked']).toBeGreaterThan(50)
  })

  test('D3: tables agree when the server dies within the transaction of a message', async () => {
    const { figures } = await killInCommit({ databaseUrl: await freshUrl(), kills: 10 })
    expect(figures).toMatchObject({ killed: 10, inconsistent: 0, duplicated: 0 })
  })
})
