import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { RegistrationFile } from './appservices.ts'

/** Files as they are named, of directories those that end in `.yaml` or `.yml`, by their names. */
export async function readRegistrations(paths: readonly string[]): Promise<RegistrationFile[]> {
  const files = await Promise.all(paths.map(filesOf))
  return await Promise.all(files.flat().map(async (path) => ({ path, text: await readFile(path, 'utf8') })))
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path]
  const names = await readdir(path)
  return names
    .filter((name) => /\.ya?ml$/.test(name))
    .toSorted()
    .map((name) => join(path, name))
}
