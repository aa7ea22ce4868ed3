/**
 * The Telegram bridge in a process of its own: `npm run bridge:telegram [-- -c FILE]…`, with the settings of the homeserver and
 * `telegram.run: separate`. The homeserver may be another one: give it the registration, which `--register` writes and names.
 */
import { parseArgs } from 'node:util'
import { configFiles, readConfigFiles } from './config/files.ts'
import { systemClock } from './platform/clock.ts'
import { configureLogging } from './platform/log.ts'
import { Metrics } from './platform/metrics.ts'
import { collectProcessMetrics } from './platform/process-metrics.ts'
import { openTracing } from './open-tracing.ts'
import { Database } from './storage/database.ts'
import { migrate } from './storage/migrate.ts'
import { bridgeConfigOf, registrationPath, startTelegram } from './telegram.ts'

process.umask(0o077)
const { values } = parseArgs({
  options: { config: { type: 'string', short: 'c', multiple: true }, register: { type: 'boolean' } },
})
const { config } = readConfigFiles(configFiles(values.config), process.env)
configureLogging({ level: config.log.level, format: config.log.format === 'human' ? 'human' : 'json' })
const homeserverUrl = config.telegram.homeserver ?? `http://127.0.0.1:${config.listen.port}`
const bridge = await bridgeConfigOf(config, homeserverUrl)
if (!bridge) throw new Error('There is no bot: set telegram.bot_token_file')
if (values.register) {
  process.stdout.write(`${registrationPath(config)}\n`)
  process.exit()
}

// A file of SQLite has one process: the homeserver's is not shared.
const isShared = config.database.url.startsWith('postgres')
const url = isShared ? config.database.url : `sqlite:${config.data_dir}/telegram.db`
const metrics = new Metrics()
const tracing = await openTracing(config, { metrics, name: 'domovoi-telegram' })
const database = await Database.open({ url, password: config.database.password?.reveal(), tracing })
await migrate(database)
collectProcessMetrics(metrics)
const stop = startTelegram(bridge, { database, clock: systemClock, metrics, tracing })
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(
    signal,
    () =>
      void stop()
        .then(() => database.close())
        .then(() => tracing[Symbol.asyncDispose]())
        .then(() => process.exit()),
  ) // a question to the homeserver may still wait for its answer
}
