/** A process with the media endpoints, to be killed: `node media-process.ts DATABASE_URL DATA_DIR` prints its URL. */
import { startMediaServer } from './media-server.ts'

const [databaseUrl = '', dataDir = ''] = process.argv.slice(2)
const server = await startMediaServer(databaseUrl, { dataDir })
process.stdout.write(`${server.url}\n`)
