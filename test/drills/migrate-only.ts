/** A program that brings a database up to a schema and ends: `node --import failpoints.ts migrate-only.ts URL SCHEMA`. */
import { Database } from '../../homeserver/storage/database.ts'
import { migrate } from '../../homeserver/storage/migrate.ts'

const [, , url = '', schema = ''] = process.argv
const database = await Database.open({ url })
await migrate(database, { upTo: Number(schema) })
await database.close()
