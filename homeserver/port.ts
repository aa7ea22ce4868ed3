/** Whether the server can listen where it is told to, found out before anything is written. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import { basename } from 'node:path'

export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** The error code of an attempt to listen there, such as `EADDRINUSE`; undefined if it works. */
export async function listenProblem({ host, port }: Endpoint): Promise<string | undefined> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  return await promise
}

/** One sentence on a place where the server cannot listen, with what to do. */
export async function explainListenProblem(code: string, { host, port }: Endpoint, key: string): Promise<string> {
  const variable = `DOMOVOI_${key.replace('.', '__').toUpperCase()}`
  if (code === 'EADDRINUSE') {
    const owner = await portOwner(port)
    const free = await freePortAbove(host, port)
    const value = key.endsWith('.port') ? free : `${host}:${free}`
    const advice = free === undefined ? `set ${key} to a free port` : `set ${key}, or start with ${variable}=${value}`
    return `port ${port} is in use${owner === undefined ? '' : ` by ${owner}`}: ${advice}`
  }
  if (code === 'EACCES') return `port ${port} is not open to this user: set ${key} to one above 1023`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `${host} is no address of this machine: set the host of ${key}`
  return `cannot listen on ${host}, port ${port} (${code})`
}

async function freePortAbove(host: string, port: number): Promise<number | undefined> {
  for (let candidate = port + 1; candidate <= Math.min(port + 20, 65_535); candidate++) {
    if ((await listenProblem({ host, port: candidate })) === undefined) return candidate
  }
  return undefined
}

/** The program that listens on a port, where Linux lets us see it. */
async function portOwner(port: number): Promise<string | undefined> {
  try {
    const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'utf8')))
    const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
    const listening = tables
      .flatMap((table) => table.split('\n').map((line) => line.trim().split(/\s+/)))
      .filter((cells) => cells[1]?.endsWith(suffix) && cells[3] === '0A')
    const sockets = new Set(listening.map((cells) => `socket:[${cells[9]}]`))
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      if (!(await holdsOne(pid, sockets))) continue
      const [program = ''] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')
      return `${basename(program)} (process ${pid})`
    }
  } catch {
    // no /proc here: the message does without the name
  }
  return undefined
}

async function holdsOne(pid: string, sockets: ReadonlySet<string>): Promise<boolean> {
  try {
    const files = await readdir(`/proc/${pid}/fd`)
    const links = await Promise.all(files.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')))
    return links.some((link) => sockets.has(link))
  } catch {
    return false // it has ended, or belongs to somebody else
  }
}
