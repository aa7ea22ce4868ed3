/**
 * The server program: `node homeserver/main.ts [-c FILE]…`.
 *
 * Compiled code is cached in the data directory, which takes a start from half a second to a tenth. The cache must be on
 * before anything else is loaded, so this file imports only Node's own modules and finds the data directory by itself.
 */
import { existsSync, readFileSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from './platform/caught.ts'

const USAGE = `Usage: npm start [-- -c FILE]...

  -c, --config FILE   settings (YAML); may be given again, later files win   [config.yaml]
  -h, --help

Exit codes: 0 stopped, 1 could not start, 64 wrong arguments, 70 fault in the program, 78 wrong settings.
`

// Databases, keys and everything else are for the server's user alone.
process.umask(0o077)

const args = readArguments()
if (args) {
  cacheCompiledCode(args.config)
  const { run } = await import('./run.ts')
  await run({ files: args.config, env: process.env, cacheIn })
}

function readArguments(): { config: string[] | undefined } | undefined {
  try {
    const { values } = parseArgs({
      options: { config: { type: 'string', short: 'c', multiple: true }, help: { type: 'boolean', short: 'h' } },
    })
    if (!values.help) return { config: values.config }
    process.stdout.write(USAGE)
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${USAGE}`)
    process.exitCode = 64
  }
  return undefined
}

/** A first start has no data directory yet; `run` comes back to `cacheIn` when it has made one. */
function cacheCompiledCode(files: readonly string[] = ['config.yaml']): void {
  const named = files.map((file) => /^data_dir: *["']?([^"'#\n]+)/m.exec(contentOf(file))?.[1]?.trim())
  const dataDir = process.env['DOMOVOI_DATA_DIR'] ?? named.findLast((name) => name !== undefined) ?? 'data'
  if (existsSync(dataDir)) cacheIn(dataDir)
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '' // `run` tells what is wrong with it
  }
}

function cacheIn(dataDir: string): void {
  enableCompileCache(resolve(dataDir, 'cache/compile'))
}
