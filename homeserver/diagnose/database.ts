/** Whether the database answers, is whole, and has the schema of this release. */
import { stat } from 'node:fs/promises'
import { show } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { openDatabase } from '../open-database.ts'
import { messageOf } from '../platform/caught.ts'
import type { Database } from '../storage/database.ts'
import { listPartialRooms } from '../storage/partial-rooms.ts'
import { migrate, NewerSchemaError } from '../storage/migrate.ts'
import { fail, type Finding, good, warn } from './finding.ts'

const AREA = 'database'
const LARGE_WAL = 512 * 2 ** 20
const LONG_MS = 60 * 60_000

export async function lookAtDatabase(config: Config, now: number): Promise<Finding[]> {
  const { url } = config.database
  const file = url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : undefined
  if (file !== undefined && !(await stat(file).catch(() => undefined))) {
    return [fail(AREA, `There is no ${file}`, 'npm start makes it, or put a backup back: npm run cli -- restore')]
  }
  let database: Database
  try {
    database = await openDatabase(config)
  } catch (error) {
    return [
      fail(
        AREA,
        messageOf(error),
        file === undefined ? 'start Postgres, look at database.url' : 'look at database.url',
      ),
    ]
  }
  try {
    const schema = await lookAtSchema(database)
    return [
      schema,
      ...(file === undefined ? [] : await lookAtSqlite(database, file)),
      ...(schema.level === 'good' ? await lookAtPartialRooms(database, now) : []),
    ]
  } catch (error) {
    return [fail(AREA, `${show(url)}: ${messageOf(error)}`, 'put a backup back: npm run cli -- restore')]
  } finally {
    await database.close()
  }
}

async function lookAtSchema(database: Database): Promise<Finding> {
  try {
    const { to, applied } = await migrate(database, { dryRun: true })
    if (applied.length === 0) return good(AREA, `It has schema ${to}`)
    return warn(AREA, `${applied.length} changes of the schema wait`, 'npm run cli -- migrate, or npm start')
  } catch (error) {
    if (!(error instanceof NewerSchemaError)) throw error
    return fail(AREA, error.message, 'run the release that wrote it')
  }
}

/** Rooms that were joined with a part of their state have all of it after seconds, or minutes. */
async function lookAtPartialRooms(database: Database, now: number): Promise<Finding[]> {
  const rooms = await listPartialRooms(database)
  const late = rooms.filter((room) => room.completedAt === undefined && room.beganTs < now - LONG_MS)
  if (late.length === 0) return []
  const text = `${late.length} rooms have waited for their members for more than an hour, such as ${late[0]?.roomId}`
  return [warn('federation', text, "look for 'no whole state of a room' in the log: it says what other servers answer")]
}

async function lookAtSqlite(database: Database, file: string): Promise<Finding[]> {
  const rows = await database.rows<{ quick_check: string }>('pragma quick_check(3)')
  const problems = rows.map((row) => row.quick_check).filter((text) => text !== 'ok')
  if (problems.length > 0) {
    return [fail(AREA, `${file} is damaged: ${problems[0]}`, 'put a backup back: npm run cli -- restore')]
  }
  const wal = (await stat(`${file}-wal`).catch(() => undefined))?.size ?? 0
  return [
    good(AREA, `${file} is whole`),
    ...(wal > LARGE_WAL
      ? [warn(AREA, 'Its log of writes is large: something reads for very long', 'restart the server')]
      : []),
  ]
}
