/** Everything else, by the program ffmpeg in a process of its own, which ends with its reader. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { MAX_SECONDS } from '../config.ts'
import { CHANNELS, RATE, UnplayableError } from './pcm.ts'

/** Samples in the form of calls. Throws `UnplayableError`. */
export async function* decodeByFfmpeg(program: string, path: string, reader: string): AsyncGenerator<Int16Array, void> {
  const given = ['-nostdin', '-loglevel', 'error', '-protocol_whitelist', 'file', '-f', reader, '-i', path]
  const wanted = ['-vn', '-sn', '-dn', '-t', `${MAX_SECONDS}`, '-f', 's16le', '-ar', `${RATE}`, '-ac', `${CHANNELS}`]
  const child = spawn(program, [...given, ...wanted, 'pipe:1'], { stdio: ['ignore', 'pipe', 'ignore'], env: {} })
  const ended = endOf(child)
  try {
    let rest = Buffer.alloc(0)
    for await (const chunk of child.stdout) {
      const bytes = Buffer.concat([rest, chunk as Buffer])
      const whole = bytes.length - (bytes.length % (2 * CHANNELS))
      rest = bytes.subarray(whole)
      if (whole > 0) yield Int16Array.from({ length: whole / 2 }, (_, at) => bytes.readInt16LE(at * 2))
    }
    if ((await ended) !== 0) throw new UnplayableError('ffmpeg does not read it')
  } finally {
    child.kill('SIGKILL')
  }
}

async function endOf(child: ChildProcess): Promise<number | null> {
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return code
  } catch {
    return null // it could not be started
  }
}
