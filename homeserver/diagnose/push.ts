/** Whether the gateways of apps take what users are to be told. */
import { stat } from 'node:fs/promises'
import type { Config } from '../config/schema.ts'
import { openDatabase } from '../open-database.ts'
import { countFailingPushers } from '../storage/pushers.ts'
import { type Finding, good, warn } from './finding.ts'

const AREA = 'push'
const HOUR_MS = 3_600_000

/** Nothing to say of a database that is not there, or too old: that is another area. */
export async function lookAtPush(config: Config, now: number): Promise<Finding[]> {
  const { url } = config.database
  if (url.startsWith('sqlite:') && !(await stat(url.slice('sqlite:'.length)).catch(() => undefined))) return []
  await using database = await openDatabase(config).catch(() => undefined)
  if (!database) return []
  try {
    const { pushers, failing, since } = await countFailingPushers(database)
    if (pushers === 0) return []
    if (failing === 0 || since === undefined) return [good(AREA, `All ${pushers} devices are told`)]
    const hours = Math.floor((now - since) / HOUR_MS)
    const what = `${failing} of ${pushers} devices cannot be told, the first for ${hours} h`
    return [warn(AREA, what, "look for 'push' in the log; outgoing.allow_ranges if the gateway is in your own network")]
  } catch {
    return []
  }
}
