import { show } from './config/load.ts'
import type { Config } from './config/schema.ts'
import { messageOf } from './platform/caught.ts'
import type { Tracing } from './platform/tracing.ts'
import { Database } from './storage/database.ts'

/** The database of the settings. Throws an error that names it, without its password. */
export async function openDatabase(
  { database: { url, password, pool } }: Config,
  parts: { readonly tracing?: Tracing } = {},
): Promise<Database> {
  try {
    return await Database.open({ url, password: password?.reveal(), poolSize: pool, ...parts })
  } catch (error) {
    const reason = messageOf(error)
    throw new Error(`cannot open the database ${show(url)}: ${reason}`, { cause: error })
  }
}
