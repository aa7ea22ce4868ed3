/** The real ffmpeg, where there is one, and files that it makes. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findProgram } from '../../homeserver/platform/find-program.ts'

export const ffmpeg = await findProgram('ffmpeg', process.env)

/** Why there is none for this run, or undefined if there is. */
export const ffmpegMissing = ffmpeg === undefined ? 'no ffmpeg: install the package ffmpeg' : undefined

/** What ffmpeg makes of a source of its own, such as `sine=frequency=440`, as a file of this name. */
export async function generated(source: string, name: string, options: readonly string[] = []): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'domovoi-generated-'))
  const path = join(directory, name)
  try {
    await promisify(execFile)(ffmpeg ?? '', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', source, ...options, path])
    return await readFile(path)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
