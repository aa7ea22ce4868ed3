import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { installedLivekit } from '../domain/rtc/find-livekit.ts'
import { type Command, CommandError, UsageError } from './command.ts'

const VERSION = '1.13.5'
/** A Go module that names the version; the sums of all its sources are beside it. */
const moduleDirectory = fileURLToPath(new URL('../../docker/livekit/', import.meta.url))
const programPath = 'github.com/livekit/livekit-server/cmd/server'

export const callsInstall: Command = {
  usage: '[--to FILE] [--force]',
  help: `Puts LiveKit ${VERSION} into the data directory, where the server finds it at its next start: with it there are voice
and video calls of groups. It is built by Go from sources whose sums are known.

  --to FILE   there instead of in the data directory
  --force     also where this version is there already`,
  options: { to: { type: 'string' }, force: { type: 'boolean' } },
  async run({ values, positionals, config, print }) {
    if (positionals.length > 0) throw new UsageError(`Unexpected argument ${positionals[0]}`)
    const { to, force } = values
    const file = typeof to === 'string' ? resolve(to) : installedLivekit(config().data_dir)
    if (force !== true && (await versionOf(file)) === VERSION) {
      print(`LiveKit ${VERSION} is at ${file} already`)
      return
    }
    const go = await findGo()
    if (go === undefined) {
      throw new CommandError(
        'LiveKit is built by Go, which is not here: install it (https://go.dev/dl), or put the program livekit-server ' +
          `on the PATH, from https://github.com/livekit/livekit/releases/tag/v${VERSION}`,
      )
    }
    print(`Building LiveKit ${VERSION}: this takes some minutes…`)
    await build(go, file)
    print(`LiveKit ${VERSION} is at ${file}. Calls of groups are there when the server starts the next time.`)
  },
}

async function findGo(): Promise<string | undefined> {
  for (const go of ['go', '/usr/local/go/bin/go']) if (await runs(go)) return go
  return undefined
}

const execute = promisify(execFile)

const runs = (go: string): Promise<boolean> =>
  execute(go, ['version']).then(
    () => true,
    () => false,
  )

async function versionOf(file: string): Promise<string | undefined> {
  try {
    await access(file)
    const { stdout } = await execute(file, ['--version'])
    return /version (\S+)/.exec(stdout)?.[1]
  } catch {
    return undefined
  }
}

/** Beside its place first, so that a program that is used is never half a one. */
async function build(go: string, file: string): Promise<void> {
  const next = `${file}.new`
  await mkdir(dirname(file), { recursive: true })
  const child = spawn(go, ['build', '-trimpath', '-ldflags=-s -w', '-o', next, programPath], {
    cwd: moduleDirectory,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) {
    await rm(next, { force: true })
    throw new CommandError('LiveKit could not be built: what Go says is above')
  }
  await rename(next, file)
}
