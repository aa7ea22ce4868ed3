/** Where programs are on this machine. */
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

/** The first of this name on the PATH. */
export async function findProgram(name: string, { PATH: path = '' }: Environment): Promise<string | undefined> {
  const directories = path.split(delimiter).filter((directory) => directory !== '')
  for (const directory of directories) if (await isProgram(join(directory, name))) return join(directory, name)
  return undefined
}

export async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
