/** One life of a LiveKit server, as a child of this process that does not outlive it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { logger } from '../../platform/log.ts'

const log = logger('livekit')

export interface LivekitRun {
  /** Resolves when the process has ended, with the last things it said. */
  readonly ended: Promise<string>
  stop(): Promise<void>
}

/**
 * However this process ends, its end of the pipe closes, and the shell ends the program: the ports are free for the next
 * one. LiveKit waits for everybody to go at the first signal, and does not at the second.
 */
const guard = `exec 3<&0; "$0" </dev/null 3<&- & pid=$!
(cat <&3 >/dev/null 2>&1; kill -TERM $pid; sleep 0.1; kill -INT $pid; sleep 1; kill -KILL $pid) >/dev/null 2>&1 &
exec 3<&-; wait $pid`

const KEPT_LINES = 5

export function runLivekit(program: string, config: string): LivekitRun {
  const child = spawn('/bin/sh', ['-c', guard, program], {
    env: { LIVEKIT_CONFIG: config },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const said = listen(child)
  const ended = endOf(child).then((how) => [...said, how].join('; '))
  const stop = async (): Promise<void> => {
    child.stdin?.end()
    await ended
  }
  child.stdin?.on('error', () => undefined) // it may end first
  return { ended, stop }
}

/** Passes its lines on to our log, and keeps the last. */
function listen(child: ChildProcess): readonly string[] {
  const kept: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue
    createInterface({ input: stream }).on('line', (line) => {
      const { level, message } = read(line)
      log[level]({ said: message }, 'LiveKit')
      kept.push(message)
      if (kept.length > KEPT_LINES) kept.shift()
    })
  }
  return kept
}

interface Said {
  readonly level: 'debug' | 'info' | 'warn'
  readonly message: string
}

/** A program that is no part of us raises no alarm by itself: what counts is whether it runs. */
function read(line: string): Said {
  try {
    const { level, msg, error } = JSON.parse(line) as Readonly<Record<string, unknown>>
    const message = [msg, error].filter((part) => typeof part === 'string').join(': ')
    return { level: level === 'warn' || level === 'error' ? 'warn' : 'debug', message }
  } catch {
    return { level: 'info', message: line.slice(0, 500) }
  }
}

async function endOf(child: ChildProcess): Promise<string> {
  try {
    const [code] = (await once(child, 'exit')) as [number | null]
    return `exit code ${code}`
  } catch (error) {
    return String(error)
  }
}

/** A TCP port of this machine that nobody uses. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address !== 'object' || address === null) throw new Error('No port is free')
  return address.port
}
