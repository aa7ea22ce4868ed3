/**
 * D2: what a loss of power would take. The system calls of the server are watched while a client sends one message after
 * the other: before each answer SQLite's log must have been written and synced, or the answer promises what is not on disk.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { DrillOptions, Outcome } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import { StubbornClient } from './stubborn-client.ts'

const MESSAGES = 200
const CALLS = 'pwrite64,fdatasync,fsync,write,writev,sendto,sendmsg'

export async function syncBeforeAnswer({ databaseUrl }: DrillOptions): Promise<Outcome> {
  if (databaseUrl !== undefined)
    return { name: 'D2', pass: true, figures: { skipped: 'Postgres does its own syncing' } }
  await using server = await DrillServer.make({})
  await server.start()
  const alice = await new StubbornClient(server).register('alice', 'password of alice')
  const roomId = await alice.createRoom()
  const trace = server.path('trace')
  const watcher = await watch(server.pid, trace)
  const sent: string[] = []
  for (let n = 0; n < MESSAGES; n++) sent.push(await alice.send(roomId, `message ${n}`))
  await server.kill()
  if (watcher.exitCode === null) await once(watcher, 'exit')

  const { answers, early } = judge(await readFile(trace, 'utf8'))
  const database = await server.openDatabase()
  const check = await database.rows<{ integrity_check: string }>('pragma integrity_check')
  const found = await database.rows<{ event_id: string }>('select event_id from events')
  await database.close()
  const ids = new Set(found.map(({ event_id: id }) => id))
  const missing = sent.filter((id) => !ids.has(id)).length
  const integrity = check.map((row) => row.integrity_check).join()
  const pass = answers >= MESSAGES && early === 0 && missing === 0 && integrity === 'ok'
  return { name: 'D2', pass, figures: { acked: sent.length, answers, answeredBeforeSync: early, missing, integrity } }
}

/** strace, when it has taken hold of the process. It ends with the process. */
async function watch(pid: number, trace: string): Promise<ReturnType<typeof spawn>> {
  const watcher = spawn('strace', ['-f', '-y', '-s', '40', '-e', `trace=${CALLS}`, '-o', trace, '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const failed = once(watcher, 'error').then(([error]) => {
    throw new Error('This drill needs the package strace', { cause: error })
  })
  failed.catch(() => undefined)
  const attached = async (): Promise<void> => {
    if (!watcher.stderr) return
    for await (const line of createInterface({ input: watcher.stderr })) if (line.includes('attached')) break
  }
  await Promise.race([attached(), failed])
  return watcher
}

/** Each answer must come after a write to the log and a finished sync of it, both since the answer before. */
function judge(trace: string): { readonly answers: number; readonly early: number } {
  let [answers, early] = [0, 0]
  let [isWritten, isSynced] = [false, false]
  const syncing = new Set<string>()
  for (const line of trace.split('\n')) {
    const thread = /^\d+/.exec(line)?.[0] ?? ''
    if (/pwrite64\(\d+<[^>]*-wal>/.test(line)) isWritten = true
    else if (/f(?:data)?sync\(\d+<[^>]*-wal>/.test(line)) {
      if (line.includes('<unfinished')) syncing.add(thread)
      else isSynced = isWritten
    } else if (/f(?:data)?sync resumed>/.test(line) && syncing.delete(thread)) isSynced = isWritten
    else if (line.includes('"HTTP/1.1 200')) {
      answers++
      if (!isWritten || !isSynced) early++
      isWritten = isSynced = false
    }
  }
  return { answers, early }
}
