/** The drills, short: enough to see that they can be run and what they find by a few kills. `npm run drill` is the whole. */
import { describe, expect, jest, test } from '@jest/globals'
import { hasOpenssl } from '../support/certificates.ts'
import { forEachDatabase, postgresMissing } from '../support/databases.ts'
import { killWhileWriting } from './d1-kill-while-writing.ts'
import { postgresCrashes } from './d4-postgres-crashes.ts'
import { olderDatabase } from './d5-older-database.ts'
import { oneRoom } from './d6-one-room.ts'
import { diskFull } from './d8-disk-full.ts'
import { clockJumps } from './d10-clock-jumps.ts'
import { catchUp } from './d12-catch-up.ts'
import { outOfMemory } from './d14-out-of-memory.ts'
import { slowReaders } from './d15-slow-readers.ts'
import { thunderingHerd } from './d16-thundering-herd.ts'
import { largeJoin } from './d17-large-join.ts'
import { partialJoin } from './d17b-partial-join.ts'
import { stopAtWork } from './d18-stop-at-work.ts'
import { killInMigrations } from './d21-migrations.ts'
import { killInCommit } from './d3-kill-in-commit.ts'
import { smallDiskMissing } from './small-disk.ts'

const describeTls = hasOpenssl ? describe : describe.skip

jest.setTimeout(180_000) // every kill is a start of the program

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

  test('D5: nothing is missed, and nothing given out twice, when the database is an older one than it was', async () => {
    const { figures } = await olderDatabase({ databaseUrl: await freshUrl(), messages: 20 })
    expect(figures).toMatchObject({ silentGaps: 0, refused: 0, toDeviceLost: 0, givenTwice: 0, inconsistent: 0 })
  })

  test("D6: transactions in one room that get into each other's way are no matter of the clients", async () => {
    const { figures } = await oneRoom({ databaseUrl: await freshUrl(), writers: 16, seconds: 2 })
    expect(figures).toMatchObject({ lost: 0, duplicated: 0, gapTokens: 0, inconsistent: 0 })
  })

  test('D10: nothing ends early or late, and nothing changes its place, when the clock jumps', async () => {
    const { figures } = await clockJumps({
      databaseUrl: await freshUrl(),
      kills: 1,
      holdMs: 700,
      tokenLifetimeMs: 3_000,
    })
    expect(figures).toMatchObject({ turns: 7, lost: 0, duplicated: 0, gapTokens: 0, inconsistent: 0 })
    expect(figures).toMatchObject({ misExpired: 0, badKeys: 0, inversions: 0 })
    expect(figures['timestampsBack']).toBeGreaterThan(0)
  })

  test('D21: a migration that was broken off is done, or is as if it had not begun', async () => {
    const { figures } = await killInMigrations({ databaseUrl: await freshUrl(), kills: 1, last: 8 })
    expect(figures).toMatchObject({ migrations: 8, killed: 8, changedTables: 0, inconsistent: 0, schemaDiffers: 0 })
  })

  test('D14: nothing acknowledged is lost when the server runs out of memory', async () => {
    const { figures } = await outOfMemory({ databaseUrl: await freshUrl(), kills: 1, killAfterMs: [300, 900] })
    expect(figures).toMatchObject({ deaths: 1, lost: 0, duplicated: 0, gapTokens: 0, inconsistent: 0, orderlyExits: 0 })
  })

  test('D15: clients that take long answers slowly get them whole', async () => {
    const { figures } = await slowReaders({ databaseUrl: await freshUrl(), readers: 20, seconds: 1, sends: 10 })
    expect(figures).toMatchObject({ readers: 20, broken: 0 })
  })

  test('D16: clients that come back all at once are answered, with what they missed', async () => {
    const { figures } = await thunderingHerd({ databaseUrl: await freshUrl(), clients: 60 })
    expect(figures).toMatchObject({ clients: 60, refused: 0, missed: 0 })
  })

  test('D18: who waits, writes or uploads is answered when the server is told to stop', async () => {
    const short = { kills: 2, killAfterMs: [300, 900], polls: 50, writers: 8, withStuckUpload: false } as const
    const { figures } = await stopAtWork({ databaseUrl: await freshUrl(), ...short })
    expect(figures).toMatchObject({ lost: 0, duplicated: 0, gapTokens: 0, inconsistent: 0, disorderlyExits: 0 })
    expect(figures).toMatchObject({ pollsAnswered: 100, pollsBroken: 0, uploadsLost: 0, readyWhileStopping: 0 })
  })
})

const diskMissing = smallDiskMissing()
const describeDisk = diskMissing === undefined ? describe : describe.skip

describeDisk(diskMissing === undefined ? 'on a small disk' : `on a small disk (${diskMissing})`, () => {
  test('D8: a full disk refuses what is written, lets read, and loses nothing', async () => {
    const { figures } = await diskFull({ kills: 2, killAfterMs: [300, 900], fullMs: 500 })
    expect(figures).toMatchObject({ fills: 2, lost: 0, duplicated: 0, gapTokens: 0, inconsistent: 0 })
    expect(figures).toMatchObject({ wronglyRefused: 0, failedReads: 0 })
    expect(figures['refused']).toBeGreaterThan(0)
  })
})

const describePostgres = postgresMissing ? describe.skip : describe

describePostgres(
  postgresMissing ? `on a Postgres that crashes (${postgresMissing})` : 'on a Postgres that crashes',
  () => {
    test('D4: what was acknowledged is there once, whenever Postgres goes, and the server comes back by itself', async () => {
      const { figures } = await postgresCrashes({ kills: 3, awayMs: 1_000 })
      expect(figures).toMatchObject({ crashes: 3, lost: 0, duplicated: 0, gapTokens: 0, inconsistent: 0 })
      expect(figures['acked']).toBeGreaterThan(50)
    })
  },
)

describeTls('over TLS', () => {
  forEachDatabase(({ freshUrl }) => {
    test('D12: another server that was away for days gets everything when it is back', async () => {
      const { figures } = await catchUp({ databaseUrl: await freshUrl(), rooms: 5, events: 60 })
      expect(figures).toMatchObject({ deliveredPercent: 100, toDeviceLost: 0, toDeviceInOrder: 1, duplicated: 0 })
      expect(figures).toMatchObject({ toDevice: 6, inconsistent: 0 })
    })

    test('D17: who joins a room of another server is in it, whenever the server dies over it', async () => {
      const { figures } = await largeJoin({ databaseUrl: await freshUrl(), members: 200 })
      expect(figures).toMatchObject({ deaths: 3, joined: 201, inconsistent: 0 })
    })

    test('D17b: a room that was joined with a part of its state becomes whole, whenever the server dies over it', async () => {
      const { figures } = await partialJoin({ databaseUrl: await freshUrl(), members: 200 })
      expect(figures).toMatchObject({ deaths: 3, joined: 201, kept: 1, inconsistent: 0 })
    })
  })
})
