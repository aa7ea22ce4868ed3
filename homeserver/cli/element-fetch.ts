import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { elementArchive, elementDirectory, elementRelease } from '../config/element/release.ts'
import type { Config } from '../config/schema.ts'
import { messageOf } from '../platform/caught.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { createFetcher } from '../platform/fetch.ts'
import { type Command, CommandError, UsageError } from './command.ts'

export const elementFetch: Command = {
  usage: '[--from FILE|URL] [--sha256 SUM] [--force]',
  help: `Puts Element Web ${elementRelease.version} into the data directory: the server then serves it at /element, with its settings for
this server. What arrives is taken only if its sum is the known one.

  --from FILE|URL   the archive element-v${elementRelease.version}.tar.gz, from a disk or a mirror   [github.com]
  --sha256 SUM      the sum of another release, given with --from
  --force           also where this release is there already`,
  options: { from: { type: 'string' }, sha256: { type: 'string' }, force: { type: 'boolean' } },
  async run({ positionals, values: { from, sha256: named, force }, config, print }) {
    if (positionals.length > 0) throw new UsageError(`Unexpected argument ${positionals[0]}`)
    const sha256 = typeof named === 'string' ? named.toLowerCase() : undefined
    if (sha256 !== undefined && (from === undefined || !/^[\da-f]{64}$/.test(sha256))) {
      throw new UsageError('--sha256 is 64 hexadecimal digits, and goes with --from')
    }
    const settings = config()
    const directory = elementDirectory(settings.data_dir)
    const isPinned = sha256 === undefined
    if (isPinned && force !== true && (await versionIn(directory)) === elementRelease.version) {
      return print(`Element Web ${elementRelease.version} is in ${directory} already`)
    }
    const source = typeof from === 'string' ? from : elementArchive(elementRelease)
    const wanted = sha256 ?? elementRelease.sha256
    const version = await install({ source, wanted, directory, settings })
    print(`Element Web ${version} is in ${directory}: ${settings.public_url}/element/`)
  },
}

interface Installation {
  readonly source: string
  readonly wanted: string
  readonly directory: string
  readonly settings: Config
}

/** Larger than any release was. */
const MAX_BYTES = 256 * 1024 * 1024
const TIMEOUT_MS = 60_000

/** The old release is there until the new one is whole. Gives its version. */
async function install({ source, wanted, directory, settings }: Installation): Promise<string> {
  await mkdir(dirname(directory), { recursive: true, mode: 0o700 })
  const work = await mkdtemp(`${directory}.new-`)
  try {
    const archive = join(work, 'archive.tar.gz')
    const found = await bring(source, archive, settings)
    if (found !== wanted) {
      throw new CommandError(
        `${source} is not what it should be: its SHA-256 is ${found}, not ${wanted}. Nothing was changed`,
      )
    }
    const unpacked = join(work, 'element')
    await mkdir(unpacked)
    await unpack(archive, unpacked)
    const version = await versionIn(unpacked)
    if (version === undefined) throw new CommandError(`${source} holds no Element Web`)
    await rm(directory, { recursive: true, force: true })
    await rename(unpacked, directory)
    return version
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Gives the sum of what was written. */
async function bring(source: string, path: string, { outgoing }: Config): Promise<string> {
  const hash = createHash('sha256')
  const write = async (content: Readable): Promise<void> => {
    await pipeline(
      content,
      async function* (pieces: AsyncIterable<Buffer>) {
        for await (const piece of pieces) {
          hash.update(piece)
          yield piece
        }
      },
      createWriteStream(path, { mode: 0o600 }),
    )
  }
  if (!/^https?:/.test(source)) {
    await write(createReadStream(source)).catch((error: unknown) => {
      throw new CommandError(`Cannot read ${source}: ${messageOf(error)}`)
    })
    return hash.digest('hex')
  }
  const ca = outgoing.ca_file === undefined ? [] : [await readFile(outgoing.ca_file, 'utf8')]
  // Whoever types an address may mean a private one.
  const fetcher = createFetcher({ deny: [], clock, ...(ca.length > 0 ? { ca } : {}) })
  try {
    const answer = await fetcher.stream(source, { redirects: 5, maxBytes: MAX_BYTES, timeoutMs: TIMEOUT_MS })
    if (answer.status !== 200) {
      answer.body.destroy()
      throw new CommandError(`${source} answers ${answer.status}`)
    }
    await write(answer.body)
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(
      `${source} cannot be had: ${messageOf(error)}. Bring it here in another way, and give it by --from FILE`,
    )
  } finally {
    fetcher.close()
  }
  return hash.digest('hex')
}

/** By the system's tar: every system that Node runs on has one. The sum was right, so nobody has meddled with names in it. */
async function unpack(archive: string, directory: string): Promise<void> {
  const args = ['-xzf', archive, '-C', directory, '--strip-components=1', '--no-same-owner', '--exclude=*.map']
  await promisify(execFile)('tar', args).catch((error: unknown) => {
    throw new CommandError(`The archive cannot be unpacked: ${messageOf(error)}`)
  })
}

/** As Element says in a file of its own. */
async function versionIn(directory: string): Promise<string | undefined> {
  const text = await readFile(join(directory, 'version'), 'utf8').catch(() => undefined)
  return text?.trim()
}
