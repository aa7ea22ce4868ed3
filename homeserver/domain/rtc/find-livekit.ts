/** Where the program `livekit-server` is on this machine. */
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'

export const LIVEKIT_PROGRAM = 'livekit-server'

type Environment = Readonly<Record<string, string | undefined>>

/** Where `npm run calls:install` puts it. */
export const installedLivekit = (dataDir: string): string => resolve(dataDir, 'bin', LIVEKIT_PROGRAM)

/** The one that `LIVEKIT_SERVER` names, else the one in the data directory, else the first on the PATH. */
export async function findLivekit(dataDir: string, env: Environment): Promise<string | undefined> {
  const { LIVEKIT_SERVER: named, PATH: path = '' } = env
  const directories = path.split(delimiter).filter((directory) => directory !== '')
  const places = [installedLivekit(dataDir), ...directories.map((directory) => join(directory, LIVEKIT_PROGRAM))]
  for (const place of named ? [resolve(named)] : places) if (await isProgram(place)) return place
  return undefined
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
