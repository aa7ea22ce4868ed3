/** From settings to a running server, and to its end. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { scheduleBackups } from './backup/schedule.ts'
import { logBanner, printBanner, type StartReport } from './banner.ts'
import { changedSettings } from './config/changes.ts'
import { configFiles, DEFAULT_FILE, readConfigFiles } from './config/files.ts'
import { elementDirectory } from './config/element/release.ts'
import { ConfigError } from './config/load.ts'
import { sampleYaml } from './config/sample.ts'
import type { Config } from './config/schema.ts'
import { createFile, furnish, lockDataDir, makeDataDir, readSigningKeys, StartRefused, survey } from './installation.ts'
import { findLivekit } from './domain/rtc/find-livekit.ts'
import { systemClock as clock } from './platform/clock.ts'
import { findProgram } from './platform/find-program.ts'
import { configureLogging, logger } from './platform/log.ts'
import { LogFiles } from './platform/log-files.ts'
import { ServiceManager } from './platform/service-manager.ts'
import { version } from './platform/version.ts'
import { explainListenProblem, listenProblem } from './port.ts'
import { Server } from './server.ts'

/** What a service manager lets pass before it kills: our own stop must be quicker. */
const STOP_MS = 15_000

const LOG_FILE_BYTES = 50 * 1024 * 1024

export interface RunOptions {
  /** Undefined for `config.yaml`, which the first start makes. */
  readonly files: readonly string[] | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** Turns the cache of compiled code on, once there is a place for it. */
  readonly cacheIn: (dataDir: string) => void
}

interface Running {
  readonly server: Server
  readonly lock: Disposable
  readonly report: StartReport
}

/** Never rejects: a server that cannot start says why in one line, and sets the exit code. */
export async function run(options: RunOptions): Promise<void> {
  exitOnFault()
  try {
    const running = await start(options)
    const stopping = new AbortController()
    const manager = ServiceManager.find(options.env)
    stopOnSignals(running, stopping, manager)
    reloadOnSignal(running, options)
    tell(running)
    await manager?.ready()
    const { config, configFiles: files } = running.report
    const { metrics } = running.server.services
    await Promise.all([
      manager?.watch(clock, stopping.signal),
      scheduleBackups({ config, configFiles: files, clock, metrics, signal: stopping.signal }),
    ])
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`)
    process.exitCode = error instanceof ConfigError ? 78 : 1
  }
}

async function start({ files: named, env, cacheIn }: RunOptions): Promise<Running> {
  const files = configFiles(named)
  let { config } = readConfigFiles(files, env)
  setLogging(config)
  await checkPorts(config)
  const missing = await survey(config)
  await makeDataDir(config)
  const lock = lockDataDir(config)
  await furnish(config, missing)
  if (missing.dataDir) cacheIn(config.data_dir)
  if (missing.sharedSecret) config = readConfigFiles(files, env).config
  const signingKeys = await readSigningKeys(config)

  const livekit = await findLivekit(config.data_dir, env)
  const ffmpeg = config.calls.music === 'on' ? await findProgram('ffmpeg', env) : undefined
  const server = await Server.start(config, { signingKeys, livekit, ffmpeg })
  const wroteConfig = files.length === 0 ? DEFAULT_FILE : undefined
  if (wroteConfig !== undefined) {
    await createFile(wroteConfig, sampleYaml({ chosen: { server_name: config.server_name } }))
  }
  const report = {
    version,
    config,
    configFiles: files,
    wroteConfig,
    wroteKey: missing.signingKey,
    wroteSecrets: missing.sharedSecret,
    keyId: signingKeys[0].keyId,
    setupPath: await server.services.firstAdmin.newLink(),
    hasGroupCalls: server.services.calls !== undefined,
    hasElement: existsSync(join(elementDirectory(config.data_dir), 'index.html')),
    schema: server.schema,
    ms: Math.round(performance.now()), // since the process began
  }
  return { server, lock, report }
}

function setLogging(config: Config): void {
  const { level, format, path, keep } = config.log
  const files = path === undefined ? undefined : new LogFiles({ directory: path, maxSize: LOG_FILE_BYTES, keep })
  configureLogging({ level, format: format === 'human' || showsBanner(config) ? 'human' : 'json', files })
}

const showsBanner = ({ log }: Config): boolean => process.stdout.isTTY && log.format !== 'json'

function tell({ report }: Running): void {
  if (showsBanner(report.config)) printBanner(report, (text) => process.stdout.write(text))
  else logBanner(report)
}

async function checkPorts({ listen: { host, port }, tls, metrics }: Config): Promise<void> {
  const places = [{ host, port, key: 'listen.port' }]
  if (tls.mode === 'files') places.push({ host, port: tls.port, key: 'tls.port' })
  if (metrics.listen) places.push({ ...metrics.listen, key: 'metrics.listen' })
  for (const { key, ...place } of places) {
    const problem = await listenProblem(place)
    if (problem !== undefined) throw new StartRefused(await explainListenProblem(problem, place, key))
  }
}

/** The first signal stops in order; the loop is then empty and the process ends. A second one does not wait. */
function stopOnSignals(
  { server, lock }: Running,
  stopping: AbortController,
  manager: ServiceManager | undefined,
): void {
  const log = logger('start')
  const stop = (signal: NodeJS.Signals): void => {
    process.once(signal, () => process.exit(130))
    log.info({ signal }, 'stopping')
    stopping.abort(new Error('The server stops'))
    void manager?.stopping()
    setTimeout(() => {
      log.error({ ms: STOP_MS }, 'did not stop in time')
      process.kill(process.pid, 'SIGKILL') // nothing acknowledged is lost by it
    }, STOP_MS).unref()
    void server.stop().then(
      () => {
        lock[Symbol.dispose]()
        log.info({}, 'stopped')
      },
      (error: unknown) => {
        log.error({ error }, 'failed to stop')
        process.exitCode = 1
      },
    )
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

/** What is wrong is told, and the server goes on as it was; so is what counts only after a restart. */
function reloadOnSignal({ server, report }: Running, { files, env }: RunOptions): void {
  const log = logger('start')
  const reload = async (): Promise<void> => {
    const { config } = readConfigFiles(configFiles(files), env)
    await server.reload(config)
    setLogging(config)
    log.info({}, 'settings read again')
    const waiting = changedSettings(report.config, config).filter(({ reloads }) => !reloads)
    if (waiting.length > 0) log.warn({ settings: waiting.map(({ key }) => key) }, 'changed settings need a restart')
  }
  process.on('SIGHUP', () => {
    void reload().catch((error: unknown) => log.error({ problem: messageOf(error) }, 'settings not read again'))
  })
}

/** After a fault that nobody foresaw the state in memory cannot be trusted: what was acknowledged is on the disk. */
function exitOnFault(): void {
  process.on('uncaughtException', (error) => {
    logger('start').error({ error }, 'uncaught exception')
    process.exit(70)
  })
}

/** One line, or one for each problem of the settings. An error that wraps another says what both say. */
function messageOf(error: unknown): string {
  if (error instanceof ConfigError || error instanceof StartRefused) return error.message
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? error.cause.message : ''
  return (error.message.includes(cause) ? error.message : `${error.message}: ${cause}`).replaceAll('\n', ' ')
}
